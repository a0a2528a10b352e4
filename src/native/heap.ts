// What glibc keeps of freed memory. Left alone it gives each thread that allocates a heap of its own, 8 for each
// processor, and keeps ever more at the end of each: 200 small archives, 4 at a time, left 115 MiB resident.
// Other C libraries have neither the habit nor the call.

import { libc } from './libc.ts'

/** <malloc.h> of glibc. */
const M_TRIM_THRESHOLD = -1
const M_MMAP_THRESHOLD = -3
const M_ARENA_MAX = -8

/** Heaps that threads share. Two were no slower than 8 for each processor in any figure of the benchmark. */
const ARENAS = 2
/** A larger block gets pages for itself, which are gone when it is freed; a fixed value, since glibc raises its default. */
const MAPPED_BYTES = 512 * 1024
/** Free bytes at the end of a heap that may stay. */
const KEPT_BYTES = 1024 * 1024

const MALLOPT = 'int mallopt(int parameter, int value)'
const mallopt = libc.func(MALLOPT)

const TRIM = 'int malloc_trim(size_t pad)'
const trim = libc.waiting(TRIM)

/** Gives back every whole page that is free, off the main thread. False where the library has no such call. */
export async function trimHeap(): Promise<boolean> {
  if (!libc.has(TRIM)) return false
  await trim(0)
  return true
}

/** Holds for what is allocated from now on; early, since heaps that exist already stay. False where it cannot be. */
export function keepHeapSmall(): boolean {
  if (!libc.has(MALLOPT)) return false
  const settings = [
    [M_ARENA_MAX, ARENAS],
    [M_MMAP_THRESHOLD, MAPPED_BYTES],
    [M_TRIM_THRESHOLD, KEPT_BYTES],
  ] as const
  return settings.map(([parameter, value]) => mallopt(parameter, value)).every((taken) => taken === 1)
}
