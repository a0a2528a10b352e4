// The unit of a tar archive (POSIX.1-2001, ustar): headers and content fill whole blocks of 512 bytes. Pure.

export const BLOCK_BYTES = 512

/** Returns the bytes from `size` to the next multiple of a block. */
export function paddingOf(size: number): number {
  return (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES
}

/** True if all bytes are zeros. */
export function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}
