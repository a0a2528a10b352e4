// A long string of a request body above 1 MiB, as the UTF-8 bytes that the JSON worker sends, so that the main thread
// copies nothing large. It stands in the parsed body where the string stood. Only a field of kind `content` takes its
// bytes (intake.ts); any other field takes `String(value)`, and an error sentence shows its `toJSON`.

export class LongText {
  /** Bytes of UTF-8 without lone surrogates; the memory is shared with nothing. */
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  toString(): string {
    const { buffer, byteOffset, byteLength } = this.bytes
    return Buffer.from(buffer, byteOffset, byteLength).toString()
  }

  toJSON(): string {
    return '… a long string …'
  }
}
