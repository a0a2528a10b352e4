// A daemon that runs as nobody, for tests that are run as root: what is closed to it is closed.

import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { startDaemon, type Daemon } from './daemon.ts'

const NOBODY = 65534

/** Why there can be none; undefined: there can. */
export const NO_OTHER_USER = process.getuid?.() === 0 ? undefined : 'needs root, to be another user'

export async function startAsNobody(t: Test): Promise<Daemon> {
  const home = mkdtempSync(join(tmpdir(), 'as-nobody-'))
  chownSync(home, NOBODY, NOBODY)
  const daemon = await startDaemon(t, {
    cwd: home,
    env: { HOME: home, XDG_STATE_HOME: join(home, 'state'), XDG_CACHE_HOME: join(home, 'cache') },
    wrapper: ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'],
  })
  t.teardown(() => rmSync(home, { recursive: true, force: true }))
  return daemon
}
