// One daemon's life: open everything in order, say that it is ready, and on a signal close it in the reverse
// order.

import { isatty } from 'node:tty'
import { NOT_UNPACKED, type Assets } from './base/assets.ts'
import { Conditions } from './base/conditions.ts'
import { unusableWorkdir, type Config } from './config/config.ts'
import { keepAddress } from './config/address-file.ts'
import { openDaemon, type Daemon } from './daemon.ts'
import { reachable } from './transports/origin.ts'
import { openDoors } from './compose.ts'
import { holdRandom } from './base/fresh-random.ts'
import { openLog, type Log } from './base/log.ts'
import { keepHeapSmall } from './native/heap.ts'
import { exitAtOnce } from './native/process.ts'
import { fillRandom } from './native/libc.ts'
import { openClockWatch } from './service/clock-watch.ts'
import { endOnDefects, openHeapTrim } from './service/housekeeping.ts'
import { openLogOutlet } from './service/log-outlet.ts'
import { openService } from './service/systemd.ts'
import { gateLimits, serverRules, workspaceOptions } from './settings.ts'
import { exitAtNextSignal, nextSignal } from './base/signals.ts'
import { loadToken, tokenSources, type LoadedToken } from './config/token-store.ts'
import { openTokenWatch } from './config/token-watch.ts'
import type { FrontDoor } from './transports/server.ts'
import { canBeEntered, mayNotAnswer } from './workspace/files/mounts/first-look.ts'
import { WORKDIR, watchWorkspace } from './workspace/conditions.ts'
import { openWorkspace } from './workspace/workspace.ts'

/** Time that running calls get to finish after the first signal (C-01: exit within 15 s). */
const GRACE_MS = 10_000
/**
 * Time to close the rest by force; then the process ends without what still hangs, and kills commands and terminals.
 */
const FORCE_MS = 4_000

/** Serves until a signal; ends the process. Throws StartError for what the operator must change. */
export async function serve(config: Config, assets: Assets): Promise<void> {
  await using stack = new AsyncDisposableStack()
  stack.use(assets)
  let reload = (): void => {}
  const signal = nextSignal(() => reload())
  const outlet = openLogOutlet(2) // lives as long as the process: the last lines are written at its exit
  const say = (line: string): void => void outlet.offer(line)
  const log = openLog(config.logLevel, outlet)
  endOnDefects(log)
  stack.use(holdRandom(fillRandom))
  // Node cannot start a thread in a directory that has been removed, and people remove and clone projects anew. This
  // one stays, and no mount is kept busy; commands and relative paths begin in the configured directory.
  process.chdir('/')
  const service = stack.use(openService(config.environment, log))
  const conditions = new Conditions(log)
  if (assets.problems.length > 0) conditions.set(NOT_UNPACKED, assets.problems.join('; '))
  for (const { name, meant } of config.misspelt) log.warn('unknown_variable', { name, did_you_mean: meant })
  await lookAtWorkdir(config, conditions)
  const sources = tokenSources(config)
  const token = await loadToken(sources)
  const workspace = stack.use(await openWorkspace({ ...workspaceOptions(config), groups: service.groups }))
  watchWorkspace(conditions, workspace)
  const daemon = stack.use(daemonOf(config, conditions, log))
  const parts = { workspace, daemon, token: token.token, listener: service.listener, log }
  const doors = stack.use(await openDoors(config, parts))
  const address = await keepAddress(config.stateDirectory, reachedAt(doors.front))
  if (address !== undefined) stack.use(address)
  if (config.logLevel !== 'silent') say(readyLine(config, doors.front, token))
  stack.use(openClockWatch({ jumped: (seconds) => clockJumped(daemon, log, seconds) }))
  const take = (next: string): boolean => doors.credentials.replaceToken(next)
  const watch = stack.use(openTokenWatch({ sources, take, conditions, log }))
  reload = () => watch.reload()
  service.ready(`serving on ${urlOf(doors.front)}`)
  keepHeapSmall()
  stack.use(openHeapTrim())
  const first = await signal
  exitAtNextSignal(first)
  // Needed if a second signal, or the force below, leaves no time to end them in order.
  // First: a listener for a thread that stands may end the process before those that follow.
  process.prependListener('exit', () => workspace.children.killSessions())
  process.on('exit', leaveStandingThreads)
  log.info('stopping', { signal: first })
  service.stopping(GRACE_MS + FORCE_MS)
  await doors.close(GRACE_MS)
  const force = setTimeout(() => process.exit(0), FORCE_MS)
  await stack.disposeAsync()
  clearTimeout(force)
  process.exit(0)
}

/**
 * Looks at a working directory on a remote file system, with a limit of time: the daemon starts without an answer too.
 */
async function lookAtWorkdir({ workdir, workdirChosen }: Config, conditions: Conditions): Promise<void> {
  if (!mayNotAnswer(workdir)) return
  const usable = await canBeEntered(workdir)
  if (usable === false && workdirChosen) throw unusableWorkdir(workdir)
  if (usable === true) return
  const why = usable === false ? 'cannot be entered' : 'is on a file system that did not answer in time'
  conditions.set(WORKDIR, `the working directory ${JSON.stringify(workdir)} ${why}`)
}

/** Returns the URL for clients on this machine: they reach every address of it over loopback. */
function reachedAt({ address }: FrontDoor): string {
  return `http://${reachable(address.address)}:${address.port}`
}

/**
 * Node joins its threads when it exits. One that stands in a file system which does not answer would keep the process
 * for as long as that takes, so it is left standing: the kernel ends it with the process.
 */
function leaveStandingThreads(code: number): void {
  if (process.getActiveResourcesInfo().some((one) => one.startsWith('FSReq'))) exitAtOnce(code)
}

function urlOf({ address }: FrontDoor): string {
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return `http://${host}:${address.port}`
}

/** Returns one line with address, token file and working directory; the token only for a person at a terminal. */
function readyLine({ workdir }: Config, door: FrontDoor, token: LoadedToken): string {
  const where = token.path ?? (token.source === 'environment' ? 'the environment' : 'none')
  const shown = isatty(2) && token.created ? `, token ${token.token}` : ''
  return `workspace-runtime: ready on ${urlOf(door)}, token in ${where}${shown}, working directory ${workdir}`
}

function daemonOf(config: Config, conditions: Conditions, log: Log): Daemon {
  const { stateDirectory, execs, terminals, watchers } = workspaceOptions(config)
  const { connections } = serverRules(config, undefined)
  return openDaemon({
    stateDirectory,
    limits: { execs, terminals, watchers, connections, ...gateLimits(config) },
    conditions,
    logLinesDropped: () => log.lost ?? 0,
  })
}

function clockJumped(daemon: Daemon, log: Log, seconds: number): void {
  daemon.clockJumps++
  log.warn('clock_jump', { seconds: Math.round(seconds) })
}
