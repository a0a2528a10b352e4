// The memory that the main thread and the reader thread share for one terminal: a header of atomic cells, the ring of
// its output, the ring of its input. Every number that crosses is one cell, and each cell has one writer.

/** The output's: at least the 256 KiB that can be asked for; more, so that the reader stays clear of what is copied. */
export const RING_BYTES = 512 * 1024
/** Input that may wait for the program to take it (reliability P-10). */
export const INPUT_BYTES = 1024 * 1024

export const HEADER_BYTES = 64
export const INPUT_OFFSET = HEADER_BYTES + RING_BYTES
export const SHARED_BYTES = INPUT_OFFSET + INPUT_BYTES

/**
 * Cells of 64 bits. `head`: bytes of output ever appended; `limit`: where the reader stops; `written`, `sent`: bytes of
 * input that the terminal has taken and that it has been given.
 */
export const HEAD = 0
export const LIMIT = 1
export const WRITTEN = 2
export const SENT = 4
/** Of 32 bits: the reader has stopped at the limit and wants to be woken. */
export const RESTING = 6
