// fs.inotify.max_queued_events, which tests of an overflow lower (test/support/short-queue.ts). It belongs to no
// namespace: what is left low makes the watchers of the whole machine overflow. So one process at a time lowers it, and
// notes the former value first; by the note the next one, and the runner at its start, mend what a killed one has left.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

export const QUEUE = '/proc/sys/fs/inotify/max_queued_events'

/** Written by root alone, and gone with a restart of the machine, as the setting is. Empty: nothing is to be mended. */
export const NOTE = '/run/workspace-runtime-tests.max_queued_events'

/** Shell: gets by one at a time, then sets back what `$2`, the note, says of `$1`, the setting. */
export const MEND = 'exec 9>>"$2" && flock 9 || exit; if read was <"$2"; then echo "$was" >"$1"; : >"$2"; fi;'

/** Sets back what a killed test and its killed guard have left. */
export function mendQueue(setting = QUEUE, note = NOTE): void {
  if (existsSync(note)) spawnSync('sh', ['-c', MEND, 'sh', setting, note], { stdio: 'ignore' })
}
