// Which program a command names, and why one could not be started. The lookup is execvp's, against the
// PATH the child will have; every refusal says which of command, permission, interpreter or working
// directory was wrong (reliability E-08, E-10), because the kernel's errno alone does not.

import { accessSync, closeSync, constants, openSync, readSync, statSync, type Stats } from 'node:fs'
import { Fault, errnoOf, quote, type FaultCode } from '../../base/fault.ts'
import { ARGUMENT_BYTES } from '../exec/command.ts'

export interface ProgramOptions {
  /** Executed as it is; the first is looked up in the PATH of `env`, as execvp does. */
  readonly argv: readonly [string, ...string[]]
  /** Absolute. */
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

/** What execvp searches where PATH is not set. */
const DEFAULT_PATH = '/bin:/usr/bin'

/** When to try again after the system was short of processes, memory or descriptors. */
const RETRY_SECONDS = 1

/** Longest first line of a script that the kernel reads. */
const INTERPRETER_LINE_BYTES = 256

/** The path to execute: a name with a slash as it is (relative to cwd), any other as found in PATH. */
export function resolveCommand(options: ProgramOptions): string {
  const name = options.argv[0]
  if (name.includes('/')) return name
  const searched = options.env['PATH'] ?? DEFAULT_PATH
  let refused: string | undefined
  for (const folder of name === '' ? [] : searched.split(':')) {
    // An empty entry means the working directory, as a shell has it.
    const candidate = `${folder === '' ? '.' : folder}/${name}`
    const found = executable(inCwd(candidate, options.cwd))
    if (found === true) return candidate
    if (found === false) refused ??= candidate
  }
  const cwd = cwdProblem(options.cwd)
  if (cwd !== undefined) throw cwd
  if (refused !== undefined) throw commandFault('not_executable', options, `${quote(refused)} is not executable`)
  throw commandFault('command_not_found', options, `not found; PATH was searched: ${quote(searched)}`)
}

/** True: may be executed; false: is there but may not; undefined: no file there. */
function executable(path: string): boolean | undefined {
  const stats = statOf(path)
  if (typeof stats === 'string') return stats === 'EACCES' ? false : undefined
  if (!stats.isFile()) return stats.isDirectory() ? undefined : false
  return accessError(path, constants.X_OK) === undefined
}

const inCwd = (path: string, cwd: string): string => (path.startsWith('/') ? path : `${cwd}/${path}`)

/** The file's status, or the name of the errno. */
function statOf(path: string): Stats | string {
  try {
    return statSync(path, { throwIfNoEntry: false }) ?? 'ENOENT'
  } catch (error) {
    return errnoOf(error) ?? 'EIO'
  }
}

function accessError(path: string, mode: number): string | undefined {
  try {
    accessSync(path, mode)
    return undefined
  } catch (error) {
    return errnoOf(error) ?? 'EIO'
  }
}

/** Refuses what no program could be given: the kernel's bounds, and NUL, which would cut a string short. */
export function checkStrings(argv: readonly string[], environment: readonly string[]): void {
  argv.forEach((argument, index) => checkString(`argument ${index} of the command`, argument))
  for (const entry of environment) checkString(`environment variable ${quote(entry.split('=', 1)[0])}`, entry)
}

function checkString(what: string, value: string): void {
  if (value.includes('\0')) throw new Fault('bad_request', `${what} contains a NUL character`)
  // UTF-8 takes at most three bytes for each UTF-16 unit: short strings need no count.
  if (value.length * 3 <= ARGUMENT_BYTES) return
  const bytes = Buffer.byteLength(value)
  if (bytes <= ARGUMENT_BYTES) return
  const sentence = `${what} has ${bytes} bytes; the system takes at most ${ARGUMENT_BYTES} (use stdin or a file)`
  throw new Fault('bad_request', sentence, { details: { bytes, limit: ARGUMENT_BYTES } })
}

/** Why a process cannot start in this directory, if so. */
function cwdProblem(cwd: string): Fault | undefined {
  const stats = statOf(cwd)
  if (typeof stats !== 'string') {
    if (!stats.isDirectory()) return cwdFault(cwd, 'ENOTDIR', 'is not a directory')
    if (accessError(cwd, constants.X_OK) === undefined) return undefined
    return cwdFault(cwd, 'EACCES', 'may not be entered: permission denied')
  }
  if (stats === 'ENOENT') return cwdFault(cwd, stats, 'does not exist')
  if (stats === 'EACCES') return cwdFault(cwd, stats, 'may not be entered: permission denied')
  return cwdFault(cwd, stats, `cannot be used (${stats})`)
}

function cwdFault(cwd: string, errno: string, problem: string): Fault {
  return new Fault('bad_cwd', `working directory ${quote(cwd)} ${problem}`, { details: { cwd, errno } })
}

function commandFault(code: FaultCode, options: ProgramOptions, problem: string, errno?: string): Fault {
  const command = options.argv[0]
  const details = { command, cwd: options.cwd, ...(errno === undefined ? {} : { errno }) }
  return new Fault(code, `command ${quote(command)}: ${problem}`, { details })
}

/** The system is short of something that others will give back. */
function busyFault(options: ProgramOptions, errno: string): Fault {
  const command = options.argv[0]
  const sentence = `command ${quote(command)}: the system cannot start a process now (${errno})`
  return new Fault('unavailable', sentence, { details: { command, errno }, retryAfter: RETRY_SECONDS })
}

/** Why starting failed, said about the request; `errno` is its name. */
export function spawnFault(errno: string, options: ProgramOptions, path: string): Fault {
  const fault = (code: FaultCode, problem: string) => commandFault(code, options, problem, errno)
  switch (errno) {
    case 'E2BIG':
      return fault('payload_too_large', 'arguments and environment together exceed what the system takes')
    case 'EAGAIN':
    case 'ENOMEM':
    case 'EMFILE':
    case 'ENFILE':
      return busyFault(options, errno)
  }
  const cwd = cwdProblem(options.cwd)
  if (cwd !== undefined) return cwd
  const file = inCwd(path, options.cwd)
  const stats = statOf(file)
  switch (errno) {
    case 'ENOENT':
    case 'ENOTDIR':
      return fault('command_not_found', typeof stats === 'string' ? 'no such file' : interpreterProblem(file))
    case 'ENOEXEC':
      return fault('not_executable', 'neither a program for this machine nor a script with a #! line')
    case 'EACCES':
      return fault('not_executable', refusalOf(file, stats))
    default:
      return fault('spawn_failed', `could not be started (${errno})`)
  }
}

function refusalOf(file: string, stats: Stats | string): string {
  if (typeof stats !== 'string' && stats.isDirectory()) return 'is a directory'
  if (typeof stats !== 'string' && accessError(file, constants.X_OK) === undefined) {
    const interpreter = interpreterOf(file)
    if (interpreter !== undefined) return `its interpreter ${quote(interpreter)} is not executable`
    return 'permission denied (is its file system mounted noexec?)'
  }
  return 'is not executable: permission denied'
}

/** The file is there and the kernel says ENOENT: what is missing is what should run it. */
function interpreterProblem(file: string): string {
  const interpreter = interpreterOf(file)
  if (interpreter !== undefined) return `the file exists, but its interpreter ${quote(interpreter)} does not`
  return 'the file exists, but the loader it was built for does not (another C library or architecture)'
}

/** What a script's #! line names. */
function interpreterOf(file: string): string | undefined {
  const start = Buffer.alloc(INTERPRETER_LINE_BYTES)
  try {
    const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      readSync(fd, start, 0, start.length, 0)
    } finally {
      closeSync(fd)
    }
  } catch {
    return undefined // execute-only files are legal
  }
  const [first = ''] = start.toString().split(/[\n\0]/, 1)
  return /^#![ \t]*([^ \t]+)/.exec(first)?.[1]
}
