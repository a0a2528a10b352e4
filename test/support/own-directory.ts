// Makes a directory for one test, which the end of the test removes.

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
