// Runs an act as the user `nobody` if the tests run as root, which passes every check of permissions.

import { chmodSync } from 'node:fs'

/** The user `nobody` of Debian and most others. */
const NOBODY = 65534

/** Runs `act` without root's privileges; every thread of the process is without them meanwhile. */
export async function asNobody<T>(act: () => Promise<T> | T): Promise<T> {
  if (process.geteuid?.() !== 0) return await act()
  process.seteuid?.(NOBODY)
  try {
    return await act()
  } finally {
    process.seteuid?.(0)
  }
}

/** Lets anyone look into `directory`. */
export function openToAll(directory: string): string {
  chmodSync(directory, 0o755)
  return directory
}
