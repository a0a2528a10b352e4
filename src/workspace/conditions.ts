// The health conditions of the workspace: troubles of its machine, its disks and its programs. All of them are looks,
// which run when a client reads the list; `doctor` tells the same troubles by the same kinds, without a daemon.

import { constants } from 'node:fs'
import type { ConditionKind, Conditions } from '../base/conditions.ts'
import { errnoOf, Fault, quote } from '../base/fault.ts'
import { access, stat } from '../base/path-calls.ts'
import { remoteCall, silentMounts } from './files/mounts/remote-calls.ts'
import { descriptorLimit, inotifyLimits, openDescriptors } from './machine.ts'
import type { Workspace } from './workspace.ts'

const warning = (id: string, todo: string): ConditionKind => ({ id, severity: 'warning', todo })

export const WORKDIR: ConditionKind = {
  id: 'workdir_not_usable',
  severity: 'error',
  todo: 'make the directory or let the daemon enter it, or start the daemon with another --workdir',
}

export const SEARCH = warning(
  'search_unavailable',
  'put the cache directory on a disk that allows to execute (XDG_CACHE_HOME)',
)

export const ORPHANS = warning(
  'orphaned_commands',
  'look at them with GET /exec (exec_list), end each with DELETE /exec/<id> (exec_delete)',
)

export const INOTIFY = warning('inotify_limits', 'raise each of them with sysctl -w NAME=VALUE')

const JOURNAL = warning(
  'writes_not_journalled',
  'set XDG_STATE_HOME, or STATE_DIRECTORY in a unit, to a folder that the daemon may write, and start it again',
)

const MOUNTS = warning('mount_silent', 'bring the server of the file system back, or unmount it (umount -l)')

const DESCRIPTORS = warning(
  'descriptors_scarce',
  'end connections, commands or watchers, or raise the limit: ulimit -n, or LimitNOFILE= in a unit',
)

/** Part of the open-file limit in use from which a burst of connections or commands may meet the rest. */
const SCARCE = 0.9
/** Ids or paths that one message names. */
const MOST_NAMED = 10

export function watchWorkspace(conditions: Conditions, workspace: Workspace): void {
  conditions.watch(WORKDIR, () => workdirTrouble(workspace.workdir))
  conditions.watch(JOURNAL, () => {
    const { problem } = workspace.writer
    return problem === undefined ? undefined : `writes in flight are not remembered: ${problem}`
  })
  conditions.watch(SEARCH, async () => {
    const { installed, message } = await workspace.search.status()
    return installed ? undefined : message
  })
  conditions.watch(ORPHANS, async () => orphansMessage((await workspace.tasks.earlier.list()).map(({ id }) => id)))
  conditions.watch(INOTIFY, inotifyMessage)
  conditions.watch(MOUNTS, () => mountsMessage(silentMounts()))
  conditions.watch(DESCRIPTORS, () => descriptorsMessage(openDescriptors(), descriptorLimit()))
}

/**
 * Looks among the calls into mounts, and not again while one into its mount is overdue: that would cost another thread.
 */
async function workdirTrouble(workdir: string): Promise<string | undefined> {
  const cannot = (why: string): string => `the working directory ${quote(workdir)} cannot be entered: ${why}`
  const silent = silentMounts().find((point) => `${workdir}/`.startsWith(`${point}/`))
  if (silent !== undefined) return cannot(`the file system mounted at ${quote(silent)} did not answer in time`)
  try {
    return await remoteCall(workdir, async () => {
      await access(workdir, constants.X_OK)
      return (await stat(workdir)).isDirectory() ? undefined : cannot('ENOTDIR')
    })
  } catch (error) {
    return cannot(error instanceof Fault ? error.message : (errnoOf(error) ?? String(error)))
  }
}

/** Returns undefined if there are none. */
export function orphansMessage(ids: readonly string[]): string | undefined {
  if (ids.length === 0) return undefined
  const [noun, verb] = ids.length === 1 ? ['command', 'runs'] : ['commands', 'run']
  return `${ids.length} ${noun} of an earlier life of the daemon still ${verb}: ${named(ids)}`
}

function mountsMessage(points: readonly string[]): string | undefined {
  if (points.length === 0) return undefined
  const subject = points.length === 1 ? 'the file system mounted at' : 'the file systems mounted at'
  return `${subject} ${named(points.map(quote))} did not answer in time; calls still wait for it`
}

/** Names every limit that is too small. */
function inotifyMessage(): string | undefined {
  const low = inotifyLimits().filter(({ value, wanted }) => value < wanted)
  if (low.length === 0) return undefined
  const limits = low.map(({ sysctl, value, wanted }) => `${sysctl} is ${value} (advised: ${wanted} or more)`)
  return `large trees cannot be watched: ${limits.join(', ')}`
}

/** Exported for its test. */
export function descriptorsMessage(open: number | undefined, limit: number | undefined): string | undefined {
  if (open === undefined || limit === undefined || open < limit * SCARCE) return undefined
  return `${open} of ${limit} file descriptors are open`
}

function named(words: readonly string[]): string {
  const more = words.length > MOST_NAMED ? ` and ${words.length - MOST_NAMED} more` : ''
  return words.slice(0, MOST_NAMED).join(', ') + more
}
