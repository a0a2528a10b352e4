// Limits on the freed memory that glibc keeps. By default glibc gives each allocating thread a separate heap, up to 8
// for each processor, and keeps ever more at the end of each: 200 small archives, 4 at a time, left 115 MiB resident.
// Other C libraries have neither the habit nor the call.

import { libc } from './libc.ts'

/** Parameters of mallopt(3), from glibc's <malloc.h>. */
const M_TRIM_THRESHOLD = -1
const M_MMAP_THRESHOLD = -3
const M_ARENA_MAX = -8

/** Heaps that threads share. Two were no slower than 8 for each processor in any figure of the benchmark. */
const ARENAS = 2
/** Smallest block with separate pages, unmapped when freed; a fixed value, since glibc raises its default. */
const MAPPED_BYTES = 512 * 1024
/** Free bytes at the end of a heap that glibc may keep. */
const KEPT_BYTES = 1024 * 1024

const MALLOPT = 'int mallopt(int parameter, int value)'
const mallopt = libc.func(MALLOPT)

const TRIM = 'int malloc_trim(size_t pad)'
const trim = libc.waiting(TRIM)

/** Returns every whole free page to the system, off the main thread. False if the library has no such call. */
export async function trimHeap(): Promise<boolean> {
  if (!libc.has(TRIM)) return false
  await trim(0)
  return true
}

/** Limits heaps that are made from now on; called early, since existing heaps stay. False if it is not possible. */
export function keepHeapSmall(): boolean {
  if (!libc.has(MALLOPT)) return false
  const settings = [
    [M_ARENA_MAX, ARENAS],
    [M_MMAP_THRESHOLD, MAPPED_BYTES],
    [M_TRIM_THRESHOLD, KEPT_BYTES],
  ] as const
  return settings.map(([parameter, value]) => mallopt(parameter, value)).every((taken) => taken === 1)
}
