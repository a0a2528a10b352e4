// The system's own directories, which are neither deleted, moved nor closed to their users (protocol.md#files-change):
// recognised by name and by identity, so that neither a link, nor /proc/self/root, nor a bind mount of "/" leads
// to them. What lies below them is as any other.

import { stat } from '../../base/path-calls.ts'
import { Fault, quote } from '../../base/fault.ts'

/** Exactly these. */
export const PROTECTED = [
  '/',
  '/bin',
  '/sbin',
  '/usr',
  '/lib',
  '/lib64',
  '/etc',
  '/dev',
  '/proc',
  '/sys',
  '/boot',
  '/run',
]

/** What is refused, as the sentence says it: "is never deleted". */
export type Never = 'deleted' | 'moved' | 'changed'

/** `real` is `path` with the links on its way resolved, or `path` itself. */
export function refuseProtected(real: string, path: string, never: Never): void {
  if (PROTECTED.includes(real)) throw protectedFault(path, real, never)
}

/** The same directory under another name: a bind mount of it, or of one above it. */
export async function refuseSameAsProtected(
  { dev, ino }: { readonly dev: number; readonly ino: number },
  path: string,
  never: Never,
): Promise<void> {
  for (const one of PROTECTED) {
    const other = await stat(one).catch(() => undefined)
    if (other?.ino === ino && other.dev === dev) throw protectedFault(path, one, never)
  }
}

function protectedFault(path: string, real: string, never: Never): Fault {
  return new Fault('forbidden', `path ${quote(path)} is the system directory ${quote(real)}, which is never ${never}`, {
    details: { field: 'path', got: path, protected: PROTECTED },
  })
}
