// Memory of what has been read and is not needed any more, given back at once: the collector sees small objects
// only, and lets some 80 MB of bodies gather before it looks.

/** Of a chunk that shares its memory with nothing else; of any other nothing is done. */
export function giveBack({ buffer, byteLength }: Uint8Array): void {
  if (byteLength > 0 && buffer.byteLength === byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0)
}
