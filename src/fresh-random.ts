// Random bytes from the kernel itself, for secrets. node:crypto keeps a generator of its own in the process: two
// machines resumed from one snapshot would go on with the same one until it next reseeds, and make the same
// "secrets" (reliability C-05). The kernel's is renewed when a snapshot is resumed, or at least shared by nobody.

import { closeSync, openSync, readSync } from 'node:fs'

export function freshRandom(size: number): Buffer {
  const bytes = Buffer.alloc(size)
  const source = openSync('/dev/urandom', 'r')
  try {
    for (let filled = 0; filled < size;) filled += readSync(source, bytes, filled, size - filled, null)
  } finally {
    closeSync(source)
  }
  return bytes
}
