// Checks of what the system allows, and of its clock.

import { statSync, accessSync, constants, existsSync, mkdtempSync, rmdirSync, statfsSync } from 'node:fs'
import { errnoOf } from '../../base/fault.ts'
import { closeDescriptor, openInotify } from '../../native/inotify.ts'
import { descriptorLimit, inotifyLimits } from '../../workspace/machine.ts'
import { fail, found, ok, warn, type Check, type Finding } from './finding.ts'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TokenSources } from '../../config/token-store.ts'
import { checkToken } from '../token.ts'
import { INOTIFY, ORPHANS, orphansMessage } from '../../workspace/conditions.ts'
import { orphansOf } from '../../workspace/exec/earlier-life.ts'
import { identityOf } from '../../workspace/exec/task-ids.ts'
import { createServer } from 'node:net'
import { urlOf, type Address, type Answering } from '../status.ts'

export const machineChecks: readonly Check[] = [
  { what: 'open files', look: filesFinding },
  { what: 'clock', look: () => clockFinding(Date.now(), installedAt()) },
]

/** Asks through the native library. */
export const watchingCheck: Check = { what: 'inotify', look: inotifyFinding }

/** A thousand sockets and fifty commands with three pipes each; systemd's own default is 524,288. */
const FILES_WANTED = 4096

function filesFinding(): Finding {
  const limit = descriptorLimit()
  if (limit === undefined) return ok('open files', 'the limit is not known here')
  const says = `${limit} may be open`
  if (limit >= FILES_WANTED) return ok('open files', says)
  return warn('open files', says, `raise it to ${FILES_WANTED} or more: ulimit -n, or LimitNOFILE= in a unit`)
}

function inotifyFinding(): Finding {
  const limits = inotifyLimits()
  const low = limits.filter(({ value, wanted }) => value < wanted)
  try {
    closeDescriptor(openInotify())
  } catch (error) {
    const why = errnoOf(error) ?? String(error)
    const todo = 'end some watching program, or raise it: sysctl -w fs.inotify.max_user_instances=1024'
    return warn('inotify', `nothing can be watched now: ${why}`, todo)
  }
  const says = (some: typeof limits): string => some.map(({ sysctl, value }) => `${sysctl} ${value}`).join(', ')
  if (low.length === 0) return ok('inotify', limits.length === 0 ? 'works' : says(limits))
  const todo = low.map(({ sysctl, wanted }) => `sysctl -w ${sysctl}=${wanted}`).join(' && ')
  return found('inotify', INOTIFY, `${says(low)}: large trees cannot be watched`, todo)
}

/** When this was written. No machine that runs it has an earlier date. */
const WRITTEN = Date.UTC(2026, 0, 1)
const DAY_MS = 86_400_000

/** Exported for its test. */
export function clockFinding(now: number, installed: number): Finding {
  const date = new Date(now).toISOString().slice(0, 19)
  const todo = 'set the clock (timedatectl set-ntp true): credentials that expire are judged by it'
  if (now < WRITTEN) return fail('clock', `it is ${date}, which is before this program was written`, todo)
  if (now < installed - DAY_MS) return fail('clock', `it is ${date}, which is before this program was installed`, todo)
  return ok('clock', `${date} UTC`)
}

function installedAt(): number {
  return statSync(process.execPath).ctimeMs
}

// Checks of the places that the daemon works in: its state, the folder of commands, temporary files, /proc.

export interface Places {
  readonly stateDirectory: string
  /** Where a daemon begins that is started as this command was. */
  readonly workdir: string
  /** False: it is the directory that this command was started in, which says nothing of a daemon started elsewhere. */
  readonly workdirChosen: boolean
  /** Of the daemon that runs; it counts where it is known. */
  readonly runningWorkdir?: string | undefined
  readonly tokens: TokenSources
}

export function placeChecks(places: Places): readonly Check[] {
  const { stateDirectory, tokens } = places
  const state = [stateDirectory]
  const kept = [...state, tokens.file, tokens.credential].filter((path) => path !== undefined)
  const ofToken = tokens.fromEnvironment === undefined ? kept : []
  return [
    { what: 'token', needs: ofToken, look: () => tokenFinding(tokens) },
    { what: 'state directory', needs: state, look: () => stateFinding(stateDirectory, tokens) },
    { what: 'left commands', needs: state, look: async () => await leftFinding(stateDirectory) },
    { what: 'workdir', needs: [places.runningWorkdir ?? places.workdir], look: () => workdirFinding(places) },
    { what: 'temporary files', needs: [tmpdir()], look: temporaryFinding },
    { what: '/proc', look: procFinding },
  ]
}

async function tokenFinding(sources: TokenSources): Promise<Finding> {
  const { token, problems } = await checkToken(sources)
  const from = sources.fromEnvironment === undefined ? 'kept in a file' : 'from RUNTIME_TOKEN'
  if (problems.length === 0) return ok('token', from)
  const said = problems.join('; ')
  // Only where nothing is wrong but that there is none yet.
  if (token === undefined && problems.length === 1 && said.includes('the daemon makes one')) return ok('token', said)
  return fail('token', said, 'correct that, or make a new one with `workspace-runtime token rotate`')
}

function stateFinding(directory: string, { fromEnvironment, file }: TokenSources): Finding {
  const place = nearestExisting(directory)
  const refused = unwritable(place)
  const todo = 'set XDG_STATE_HOME, or STATE_DIRECTORY in a unit, to a folder that the daemon may write'
  if (refused === undefined)
    return ok('state directory', place === directory ? directory : `${directory} (will be made)`)
  const says = `${directory} cannot be written: ${refused}`
  if (fromEnvironment === undefined && file === undefined) return fail('state directory', says, todo)
  return warn('state directory', `${says}; interrupted writes leave temporary files`, todo)
}

function workdirFinding({ workdir: begun, workdirChosen, runningWorkdir }: Places): Finding {
  const workdir = runningWorkdir ?? begun
  try {
    accessSync(workdir, constants.X_OK | constants.R_OK)
    if (!statSync(workdir).isDirectory()) throw Object.assign(new Error('not a directory'), { code: 'ENOTDIR' })
  } catch (error) {
    return fail(
      'workdir',
      `${workdir} cannot be entered: ${errnoOf(error) ?? String(error)}`,
      'choose one with --workdir',
    )
  }
  const refused = unwritable(workdir)
  const here = `${workdir} (of a daemon that is started here; --workdir names another)`
  const whose = runningWorkdir === undefined ? (workdirChosen ? workdir : here) : `${workdir} (of the running daemon)`
  if (refused === undefined) return ok('workdir', whose)
  return warn(
    'workdir',
    `${workdir} cannot be written: ${refused}`,
    'choose another with --workdir, or give it to the user',
  )
}

/** Scripts that are longer than an argument may be lie there while they run; a MiB is plenty. */
const LEAST_FREE = 64 * 1024 * 1024

function temporaryFinding(): Finding {
  const what = 'temporary files'
  const directory = tmpdir()
  const refused = unwritable(directory)
  const todo = `make room in ${directory}, or set TMPDIR to another folder`
  if (refused !== undefined) return warn(what, `${directory} cannot be written: ${refused}`, todo)
  const { bavail, bsize } = statfsSync(directory)
  const free = bavail * bsize
  const says = `${directory} has ${Math.floor(free / 1024 / 1024)} MiB free`
  return free < LEAST_FREE ? warn(what, says, todo) : ok(what, says)
}

function procFinding(): Finding {
  if (existsSync('/proc/self/fd')) return ok('/proc', 'is mounted')
  const todo = 'mount it: mount -t proc proc /proc'
  return warn('/proc', 'is not mounted: processes that a command leaves behind are not found', todo)
}

/** The folder itself, or the one above in which it would be made. */
function nearestExisting(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path))
}

/** Why nothing can be made there, by trying: rights alone do not tell of a read-only disk. */
function unwritable(directory: string): string | undefined {
  try {
    rmdirSync(mkdtempSync(join(directory, '.workspace-runtime-doctor-')))
    return undefined
  } catch (error) {
    return errnoOf(error) ?? String(error)
  }
}

/** Commands of a daemon that was killed, and that run on. */
async function leftFinding(stateDirectory: string): Promise<Finding> {
  const what = 'left commands'
  const identity = await identityOf(join(stateDirectory, 'exec'))
  const ids = identity === undefined ? [] : [...(await orphansOf(identity)).keys()]
  const message = orphansMessage(ids)
  if (message === undefined) return ok(what, 'there are none of a daemon that was killed')
  return found(what, ORPHANS, message, `start the daemon, ${ORPHANS.todo}`)
}

// Whether the port can be had: free, or held by the daemon that this configuration means.

export function portCheck(address: Address, answer: Answering): Check {
  return { what: 'port', look: () => portFinding(address, answer) }
}

async function portFinding(address: Address, answer: Answering): Promise<Finding> {
  if (address.port === 0) return ok('port', 'any free one')
  const url = urlOf(address)
  const todo = 'choose another with --port, or end what holds it (ss -ltnp)'
  if (answer.kind === 'ours') return ok('port', `${url} is served by this daemon (process ${answer.detail.pid})`)
  if (answer.kind === 'other') return fail('port', `${url} is served by another program`, todo)
  if (answer.kind === 'stranger') {
    return warn('port', `${url} is served by a workspace runtime that does not know this token`, todo)
  }
  const refused = await unbindable(address)
  if (refused === undefined) return ok('port', `${url} is free`)
  const what: Readonly<Record<string, string>> = {
    EADDRINUSE: 'is held by a program that does not answer',
    EACCES: 'may not be used by this user',
    EADDRNOTAVAIL: 'is no address of this machine',
  }
  const why = what[refused] ?? `cannot be listened on: ${refused}`
  return fail('port', `${url} ${why}`, refused === 'EADDRNOTAVAIL' ? 'change --host' : todo)
}

async function unbindable({ host, port }: Address): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const server = createServer()
  server.once('error', (error) => resolve(errnoOf(error) ?? error.message))
  server.listen(port, host, () => server.close(() => resolve(undefined)))
  return await promise
}
