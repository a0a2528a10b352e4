// posix_spawn: starts a program without copying this process, since the cost of a fork grows with resident memory. The
// child has its own session, default signal actions, an empty signal mask, and as descriptors 0 to 2 exactly those
// given here, or one terminal as all three; everything else that this process has open is close-on-exec.

import { constants } from 'node:os'
import { bytesOfText } from '../base/bytes-text.ts'
import { addressOf, libc, systemError } from './libc.ts'

/** Bytes of an attributes object. Both C libraries need 336 and 80 bytes; the rest allows them to grow. */
const ATTRIBUTES_BYTES = 512
const ACTIONS_BYTES = 512
/** Bytes of sigset_t: 1024 bits in both libraries. */
const SIGSET_BYTES = 128

const POSIX_SPAWN_SETSIGDEF = 0x04
const POSIX_SPAWN_SETSIGMASK = 0x08
const POSIX_SPAWN_SETSID = 0x80
const POSIX_SPAWN_SETCGROUP = 0x100

const O_RDONLY = 0
const O_RDWR = 2

const posixSpawn = libc.func(
  'int posix_spawn(void *pid, str path, void *actions, void *attributes, void *argv, void *envp)',
)
const posixSpawnWaiting = libc.waiting(
  'int posix_spawn(void *pid, str path, void *actions, void *attributes, void *argv, void *envp)',
)
const actionsInit = libc.func('int posix_spawn_file_actions_init(void *actions)')
const actionsDestroy = libc.func('int posix_spawn_file_actions_destroy(void *actions)')
const addDup2 = libc.func('int posix_spawn_file_actions_adddup2(void *actions, int fd, int as)')
const addOpen = libc.func('int posix_spawn_file_actions_addopen(void *actions, int as, str path, int flags, int mode)')
/** Since glibc 2.29 and musl 1.1.24; Node itself runs on glibc 2.28. */
const ADD_CHDIR = 'int posix_spawn_file_actions_addchdir_np(void *actions, str path)'
const addChdir = libc.func(ADD_CHDIR)

/** Since glibc 2.39; musl has none. */
const SET_CGROUP = 'int posix_spawnattr_setcgroup_np(void *attributes, int cgroup)'
const setCgroup = libc.func(SET_CGROUP)

/** Makes the attributes, which are the same for every child: made once, never destroyed. */
function makeAttributes(group: number | undefined): Buffer {
  const made = Buffer.alloc(ATTRIBUTES_BYTES)
  // Filled by hand: sigfillset(3) leaves out 32 and 33, glibc's own, and they would stay ignored in every child.
  const all = Buffer.alloc(SIGSET_BYTES, 0xff)
  const none = Buffer.alloc(SIGSET_BYTES)
  const call = (name: string, result: number) => {
    if (result !== 0) throw systemError(name, result)
  }
  call('sigemptyset', libc.func('int sigemptyset(void *set)')(none))
  call('posix_spawnattr_init', libc.func('int posix_spawnattr_init(void *a)')(made))
  const common = POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
  const flags = group === undefined ? common : common | POSIX_SPAWN_SETCGROUP
  if (group !== undefined) call('posix_spawnattr_setcgroup_np', setCgroup(made, group))
  call('posix_spawnattr_setflags', libc.func('int posix_spawnattr_setflags(void *a, short flags)')(made, flags))
  // All signals: Node ignores SIGPIPE, and an ignored signal stays ignored across exec.
  call('posix_spawnattr_setsigdefault', libc.func('int posix_spawnattr_setsigdefault(void *a, void *set)')(made, all))
  call('posix_spawnattr_setsigmask', libc.func('int posix_spawnattr_setsigmask(void *a, void *set)')(made, none))
  return made
}

export interface NamedProgram {
  /** Path of the program, absolute or relative to `cwd`; PATH is not searched. */
  readonly path: string
  /** Words of the command line; bytes if a word is not UTF-8. */
  readonly argv: readonly (string | Uint8Array)[]
  /** Variables, each "NAME=value". */
  readonly environment: readonly string[]
  readonly cwd: string
  /** Open directory of the control group (version 2) that the child starts in; only if `canStartInGroup`. */
  readonly group?: number | undefined
}

export interface Pipes {
  /** Descriptors above 2 that become 0, 1 and 2; a string is the path of a file to read. */
  readonly stdin: number | string
  readonly stdout: number
  readonly stderr: number
}

/** Path of a terminal that becomes 0, 1 and 2, and the controlling terminal, as it is no other session's yet. */
export interface OnTerminal {
  readonly terminal: string
}

export type Program = NamedProgram & (Pipes | OnTerminal)

/** Returns true if the C library can start a child inside a control group. */
export function canStartInGroup(): boolean {
  return libc.has(SET_CGROUP)
}

export interface SpawnerOptions {
  /**
   * True if the C library can set a child's directory. Found out at the first start unless given; a test gives false,
   * to test the fallback for an older library.
   */
  readonly setsDirectory?: boolean | undefined
}

/** Starts programs; one per daemon. It owns everything that is made once for all children. */
export class Spawner {
  #setsDirectory: boolean | undefined
  /** Attributes by the control group that children start in: there is one group at most, or none. */
  readonly #attributes = new Map<number | undefined, Buffer>()

  constructor({ setsDirectory }: SpawnerOptions = {}) {
    this.#setsDirectory = setsDirectory
  }

  /**
   * Starts the program and returns its pid. Throws with the errno of the step that failed, up to and including exec.
   */
  start(program: Program): number {
    const { parameters, pid, close } = this.#prepared(program)
    try {
      failed(
        this.#setsDirectory === true
          ? posixSpawn(...parameters)
          : inDirectory(program.cwd, () => posixSpawn(...parameters)),
      )
    } finally {
      close()
    }
    return pid.readInt32LE(0)
  }

  /**
   * Starts it on a thread of Node, which waits until the child has executed its program, however long a file system
   * takes. Throws ENOSYS if the C library cannot set a child's directory: ours cannot be changed meanwhile.
   */
  async startWaiting(program: Program): Promise<number> {
    const { parameters, pid, close } = this.#prepared(program)
    try {
      if (this.#setsDirectory !== true) throw systemError('posix_spawn', constants.errno.ENOSYS)
      failed(await posixSpawnWaiting(...parameters))
    } finally {
      close()
    }
    return pid.readInt32LE(0)
  }

  /** Returns the arguments of posix_spawn; `close` is called once it has returned. */
  #prepared(program: Program) {
    const attributes = this.#attributesFor(program.group)
    this.#setsDirectory ??= libc.has(ADD_CHDIR)
    const { block: argvBlock, pointers: argv } = stringVector(program.argv)
    const { block: envBlock, pointers: envp } = stringVector(program.environment)
    const pid = Buffer.alloc(4) // pid_t
    const actions = Buffer.alloc(ACTIONS_BYTES)
    failed(actionsInit(actions))
    const close = (): void => {
      actionsDestroy(actions)
      keep(argvBlock, envBlock)
    }
    try {
      if (this.#setsDirectory) failed(addChdir(actions, program.cwd))
      addStreams(actions, program)
    } catch (error) {
      close()
      throw error
    }
    return { parameters: [pid, program.path, actions, attributes, argv, envp] as const, pid, close }
  }

  #attributesFor(group: number | undefined): Buffer {
    const found = this.#attributes.get(group)
    if (found !== undefined) return found
    const made = makeAttributes(group)
    this.#attributes.set(group, made)
    return made
  }
}

function failed(result: number): void {
  if (result !== 0) throw systemError('posix_spawn', result)
}

function addStreams(actions: Buffer, program: Program): void {
  if ('terminal' in program) {
    // Opened after setsid, which is what makes it the controlling terminal.
    failed(addOpen(actions, 0, program.terminal, O_RDWR, 0))
    failed(addDup2(actions, 0, 1))
    failed(addDup2(actions, 0, 2))
    return
  }
  if (typeof program.stdin === 'number') failed(addDup2(actions, program.stdin, 0))
  else failed(addOpen(actions, 0, program.stdin, O_RDONLY, 0))
  failed(addDup2(actions, program.stdout, 1))
  failed(addDup2(actions, program.stderr, 2))
}

/**
 * Changes our own directory for the length of one call that does not yield, since the C library cannot set the child's.
 * Nothing in the daemon uses relative paths, on any thread.
 */
function inDirectory(cwd: string, start: () => number): number {
  const before = ownDirectory()
  process.chdir(cwd)
  try {
    return start()
  } finally {
    goBack(before)
  }
}

/** Returns our directory; / if it has been removed. */
function ownDirectory(): string {
  try {
    return process.cwd()
  } catch {
    return '/'
  }
}

/** Goes back to `before`. It must not throw: a child has started, and only the return value can tell its pid. */
function goBack(before: string): void {
  try {
    process.chdir(before)
  } catch {
    process.chdir('/') // removed meanwhile, or closed to us
  }
}

const NUL = Buffer.alloc(1)

/**
 * Returns a char *const[]: one block of NUL-terminated strings, in text that may hold bytes, and the pointers into it,
 * ended by NULL.
 */
export function stringVector(strings: readonly (string | Uint8Array)[]): { block: Buffer; pointers: BigUint64Array } {
  const block = strings.every((one) => typeof one === 'string')
    ? bytesOfText(strings.length === 0 ? '\0' : `${strings.join('\0')}\0`)
    : Buffer.concat(strings.flatMap((one) => [typeof one === 'string' ? bytesOfText(one) : one, NUL]))
  const pointers = new BigUint64Array(strings.length + 1)
  const start = addressOf(block)
  let offset = 0
  for (let index = 0; index < strings.length; index++) {
    pointers[index] = start + BigInt(offset)
    offset = block.indexOf(0, offset) + 1
  }
  return { block, pointers }
}

/** Keeps a reference until after the call that used the memory's bare address. */
function keep(..._blocks: readonly Buffer[]): void {}
