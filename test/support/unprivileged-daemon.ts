// Starts a daemon as the user `nobody` (uid 65534), for tests that run as root, which no permission stops.

import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { startDaemon, type Daemon } from './daemon.ts'

const NOBODY = 65534

/** Reason to skip a test that needs one; undefined if none. */
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
