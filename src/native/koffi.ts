// The one door to koffi, the library that calls C functions: only src/native calls C, and only this file imports koffi.
// It alone decides how koffi's native part is found: a package folder when run from source, an unpacked asset in the
// executable.

import { createRequire } from 'node:module'
import type koffi from 'koffi'
import type { LibraryHandle } from 'koffi'
import { nativeLibraryPath } from '../base/assets.ts'

export type { LibraryHandle }

/**
 * Milliseconds that a thread for native calls rests before it ends, so that not each job starts a new one: koffi 3.1.0
 * to 3.3.4 never gives back the three mappings that it makes for a thread, and the kernel lets a process have 65,530
 * (test/workspace/resting-threads.test.ts; older versions of koffi crashed under load).
 */
export const THREAD_REST_MS = 600_000

/** Loads koffi; each calling thread has a separate instance of the native part's state. */
export function loadKoffi(): typeof koffi {
  try {
    return load()
  } catch (error) {
    // The loaders tell the error in words; the caller looks for the errno, and asks again later (Z-01).
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
