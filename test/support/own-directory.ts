// A directory of a test's own, which goes with it.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Owner {
  teardown(handler: () => unknown): unknown
}

export function ownDirectory(t: Owner, prefix: string): string {
  const directory = mkdtempSync(join(tmpdir(), prefix))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}
