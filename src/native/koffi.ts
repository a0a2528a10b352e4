// The one door to koffi, the library that calls C functions: nothing outside src/native may know it, and
// nothing else inside src/native imports it. How its native part is found (a package folder when run from
// source, an unpacked asset in the executable) is decided here alone.

import { createRequire } from 'node:module'
import type koffi from 'koffi'
import type { LibraryHandle } from 'koffi'
import { nativeLibraryPath } from '../base/assets.ts'

export type { LibraryHandle }

/**
 * Threads that make native calls rest for so long, in milliseconds, before they end, instead of a new one being started
 * for each job: koffi 3.1.0 to 3.3.4 never gives back what it maps for a thread, three mappings each time, and the
 * kernel lets a process have 65,530 (test/workspace/resting-threads.test.ts; older versions of koffi crashed under load).
 */
export const THREAD_REST_MS = 600_000

/** Koffi, loaded; each thread that asks has its own instance of the native part's state. */
export function loadKoffi(): typeof koffi {
  try {
    return load()
  } catch (error) {
    // The loaders say it in words; the caller looks for the errno, and asks again later (Z-01).
    const short = error instanceof Error && /too many open files/i.test(error.message)
    throw short
      ? Object.assign(new Error('the native library cannot be loaded now: EMFILE'), { code: 'EMFILE' })
      : error
  }
}

function load(): typeof koffi {
  const path = nativeLibraryPath()
  if (path === undefined) return createRequire(import.meta.url)('koffi') as typeof koffi // its own types
  const loaded = { exports: {} }
  process.dlopen(loaded, path)
  return loaded.exports as typeof koffi // what koffi's own loader exports, less its deprecation warnings
}
