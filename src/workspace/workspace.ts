// The workspace: everything alive that operations work with, opened once by serve and handed to each call.
// It composes; the parts decide. Disposing it ends every process that the daemon started.

import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { openPackers, type Packers } from './archives/pack.ts'
import { openUnpacker, type Unpacker } from './archives/unpack.ts'
import { openChildren, type Children } from './processes/child.ts'
import type { ControlGroups } from './processes/work-group.ts'
import { childEnvironment, loginShell, loginUser } from './processes/child-environment.ts'
import { openContentSearch, type ContentSearch } from './search/content-search.ts'
import { EVERYTHING, type Access } from './files/opening/access.ts'
import { openFileWriter, type FileWriter } from './files/write/file-writer.ts'
import { openMover, type Mover } from './files/moving/mover.ts'
import { withoutOwnGround, type OwnPaths } from './files/opening/own-ground.ts'
import { exactEnvironment, parentFiles } from './processes/parent-facts.ts'
import { openTargets, type Targets } from './targets.ts'
import { TaskMarks } from './exec/task-ids.ts'
import { openTasks, type Tasks } from './exec/tasks.ts'
import { openTerminals, type Terminals } from './terminals/terminals.ts'
import { openWalkers, type Walkers } from './listing/walkers.ts'
import { openPathWatches, type PathWatches } from './watchers/path-watches.ts'
import { openWatchers, type Watchers } from './watchers/watchers.ts'

export interface Workspace extends AsyncDisposable {
  /** Directory in which commands start unless the request names another (configuration.md). */
  readonly workdir: string
  /** The environment that commands inherit (protocol.md#environment). */
  readonly environment: Readonly<Record<string, string>>
  /** The user's login shell. */
  readonly shell: string
  readonly children: Children
  readonly tasks: Tasks
  readonly terminals: Terminals
  readonly watchers: Watchers
  /** Watches of single paths that clients subscribe to; not among the watchers. */
  readonly pathWatches: PathWatches
  readonly walkers: Walkers
  readonly search: ContentSearch
  readonly writer: FileWriter
  readonly mover: Mover
  /** Archives on their way out. */
  readonly packers: Packers
  /** Archives on their way in. */
  readonly unpacker: Unpacker
  readonly targets: Targets
  /** Returns the access of a caller's calls; `everything`: its credential has all scopes. */
  accessFor(everything: boolean): Access
}

export interface WorkspaceOptions {
  readonly workdir: string
  readonly stateDirectory: string
  /** The daemon's own files, withheld from callers with limited scopes. */
  readonly own: OwnPaths
  /** The daemon's environment as it was at the start. */
  readonly environment: Readonly<Record<string, string>>
  /** The project's own node_modules/.bin, which npm puts into PATH; '' in the executable. */
  readonly ownBin: string
  /** Variables every command gets besides. */
  readonly commandVariables: Readonly<Record<string, string>>
  /** The soft limit of open files of commands; undefined: that of our parent. */
  readonly files: number | undefined
  readonly execs: number
  /** Terminals that may be alive at once. */
  readonly terminals: number
  readonly watchers: number
  readonly durable: boolean
  readonly ripgrep: string | undefined
  readonly targets: Readonly<Record<string, { url: string; token: string }>>
  /** The daemon's control group for commands; undefined: it has none. */
  readonly groups: ControlGroups | undefined
}

export async function openWorkspace(options: WorkspaceOptions): Promise<Workspace> {
  await using stack = new AsyncDisposableStack()
  const user = loginUser()
  const environment = {
    ...childEnvironment(exactEnvironment(options.environment), user, options.ownBin),
    ...options.commandVariables,
  }
  const shell = loginShell(environment, user, runs)
  const { workdir } = options
  const writer = stack.use(await openFileWriter({ stateDirectory: options.stateDirectory, durable: options.durable }))
  const mover = stack.use(openMover({ writer, durable: options.durable, workdir }))
  const children = stack.use(openChildren({ groups: options.groups, files: options.files ?? parentFiles() }))
  const marks = new TaskMarks(join(options.stateDirectory, 'exec'))
  const tasks = stack.use(openTasks(children, { limit: options.execs, workdir, environment, marks }))
  const terminals = stack.use(openTerminals({ children, limit: options.terminals, workdir, environment, shell, marks }))
  const limited = withoutOwnGround(options.own)
  const watchers = stack.use(openWatchers({ limit: options.watchers, limited }))
  const pathWatches = stack.use(openPathWatches())
  const walkers = stack.use(
    openWalkers({ home: { home: environment['HOME'], configHome: environment['XDG_CONFIG_HOME'] } }),
  )
  const packers = stack.use(openPackers())
  const unpacker = stack.use(await openUnpacker({ stateDirectory: options.stateDirectory, durable: options.durable }))
  const search = openContentSearch({ children, walkers, ripgrep: options.ripgrep, environment })
  const parts = stack.move()
  return {
    workdir,
    environment,
    shell,
    children,
    tasks,
    terminals,
    watchers,
    pathWatches,
    walkers,
    search,
    writer,
    mover,
    packers,
    unpacker,
    targets: openTargets(options.targets),
    accessFor: (everything) => (everything ? EVERYTHING : limited),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

function runs(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
