// The memory that the main thread and the reader thread share for one terminal: a header of atomic cells, the ring of
// its output, the ring of its input, the states of its screen. Every number that crosses is one cell, and each cell has
// one writer.

/** Bytes of output that are looked at for the screen's state at once; at each multiple of it the state is kept. */
export const SLICE_BYTES = 64 * 1024
/**
 * Bytes of the output's ring, in whole slices. At least the 256 KiB that can be asked for; more, so that the reader
 * stays clear of the bytes being copied, and of the slice before them.
 */
export const RING_BYTES = 9 * SLICE_BYTES
/** Bytes of input that may wait for the program to take them. */
export const INPUT_BYTES = 1024 * 1024

export const HEADER_BYTES = 64
export const INPUT_OFFSET = HEADER_BYTES + RING_BYTES
/** States that are kept: one for every slice that begins in the ring, and the one in the making. */
export const STATES = RING_BYTES / SLICE_BYTES + 1
/** Bytes of a state as JSON in Latin-1: some 600, and below 3,000 with everything it can have. */
export const STATE_BYTES = 4096
export const STATES_OFFSET = INPUT_OFFSET + INPUT_BYTES
export const SHARED_BYTES = STATES_OFFSET + STATES * STATE_BYTES

/**
 * Cells of 64 bits. `head`: bytes of output ever appended; `limit`: where the reader stops; `written`, `sent`: bytes of
 * input that the terminal has taken and that it has been given.
 */
export const HEAD = 0
export const LIMIT = 1
export const WRITTEN = 2
export const SENT = 4
/** Cell of 32 bits: 1 if the reader has stopped at the limit and wants to be woken. */
export const RESTING = 6
/** The window: columns in the upper half, rows in the lower. */
export const WINDOW = 7
