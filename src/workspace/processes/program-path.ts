// Decides which program a command names, and why one could not be started. The lookup is execvp's, against the PATH
// that the child will have. Every refusal says whether command, permission, interpreter or working directory was wrong
// (E-08, E-10), because the kernel's errno alone does not. Decisions only: they ask questions about files, and
// `start-plan.ts` gets the answers, on this thread or another.

import { Fault, quote, type FaultCode } from '../../base/fault.ts'
import type { FileQuestion, FileAnswer } from './file-look.ts'

export interface ProgramOptions {
  /** The program is executed as it is; its first word is looked up in the PATH of `env`, as execvp does. */
  readonly argv: readonly [string, ...string[]]
  /** Absolute. */
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

/** Asks about files, one after the other, and returns a result. */
export type FileInquiry<T> = Generator<FileQuestion, T, FileAnswer>

/** MAX_ARG_STRLEN of Linux (32 pages of 4 KiB), less the final NUL: no single argument may be longer. */
export const ARGUMENT_BYTES = 131_071

/** Folders that execvp searches if PATH is not set. */
const DEFAULT_PATH = '/bin:/usr/bin'

/** Seconds after which to try again when the system was short of processes, memory or descriptors. */
const RETRY_SECONDS = 1

/** Interpreters of interpreters that the kernel follows. */
const MOST_INTERPRETERS = 5

/** Returns the path to execute: a name with a slash as it is (relative to cwd), any other as found in PATH. */
export function* findProgram(options: ProgramOptions): FileInquiry<string> {
  const name = options.argv[0]
  if (name.includes('/')) return name
  const searched = options.env['PATH'] ?? DEFAULT_PATH
  let refused: string | undefined
  for (const folder of name === '' ? [] : searched.split(':')) {
    // An empty entry means the working directory, as a shell has it.
    const candidate = `${folder === '' ? '.' : folder}/${name}`
    const role = `folder ${quote(folder)} of PATH`
    const seen = yield { path: inCwd(candidate, options.cwd), about: 'kind', touched: false, role }
    if (seen.errno === undefined && seen.kind === 'file' && seen.usable) return candidate
    if (seen.errno === undefined ? seen.kind !== 'directory' : seen.errno === 'EACCES') refused ??= candidate
  }
  const cwd = yield* cwdProblem(options.cwd)
  if (cwd !== undefined) throw cwd
  if (refused !== undefined) throw commandFault('not_executable', options, `${quote(refused)} is not executable`)
  throw commandFault('command_not_found', options, `not found; PATH was searched: ${quote(searched)}`)
}

/** Asks about all files that the kernel will touch when `path` is started: working directory, program, interpreters. */
export function* whatIsTouched(options: ProgramOptions, path: string): FileInquiry<void> {
  const { cwd } = options
  yield { path: cwd, about: 'kind', touched: true, role: 'working directory' }
  let file: string | undefined = inCwd(path, cwd)
  let role = 'command'
  for (let depth = 0; depth <= MOST_INTERPRETERS && file !== undefined; depth++) {
    const seen: FileAnswer = yield { path: file, about: 'interpreter', touched: true, role }
    file = seen.interpreter === undefined ? undefined : inCwd(seen.interpreter, cwd)
    role = 'interpreter'
  }
}

const inCwd = (path: string, cwd: string): string => (path.startsWith('/') ? path : `${cwd}/${path}`)

/**
 * Throws `bad_request` for strings that no program could be given: longer than the kernel takes, or with NUL, which
 * would cut the string short.
 */
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

/** Returns why a process cannot start in this directory; undefined if it can. */
function* cwdProblem(cwd: string): FileInquiry<Fault | undefined> {
  const { errno, kind, usable } = yield { path: cwd, about: 'kind', touched: false, role: 'working directory' }
  if (errno === undefined) {
    if (kind !== 'directory') return cwdFault(cwd, 'ENOTDIR', 'is not a directory')
    return usable ? undefined : cwdFault(cwd, 'EACCES', 'may not be entered: permission denied')
  }
  if (UNREACHABLE.has(errno)) {
    const sentence = `working directory ${quote(cwd)} cannot be reached: its file system does not answer (${errno})`
    return new Fault('unavailable', sentence, { details: { cwd, errno }, retryAfter: RETRY_SECONDS })
  }
  if (errno === 'ENOENT') return cwdFault(cwd, errno, 'does not exist')
  if (errno === 'EACCES') return cwdFault(cwd, errno, 'may not be entered: permission denied')
  return cwdFault(cwd, errno, `cannot be used (${errno})`)
}

function cwdFault(cwd: string, errno: string, problem: string): Fault {
  return new Fault('bad_cwd', `working directory ${quote(cwd)} ${problem}`, { details: { cwd, errno } })
}

function commandFault(code: FaultCode, options: ProgramOptions, problem: string, errno?: string): Fault {
  const command = options.argv[0]
  const details = { command, cwd: options.cwd, ...(errno === undefined ? {} : { errno }) }
  const again = code === 'unavailable' ? { retryAfter: RETRY_SECONDS } : {}
  return new Fault(code, `command ${quote(command)}: ${problem}`, { details, ...again })
}

/** Errors of a shortage that ends by itself. */
const SHORT = new Set(['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE'])
/** Errors of a file system whose server has gone or does not answer. */
const UNREACHABLE = new Set(['ENOTCONN', 'ECONNABORTED', 'ESTALE', 'ETIMEDOUT', 'EHOSTDOWN', 'EREMOTEIO', 'EIO'])

/** Other errors about a file that the caller named: the caller's to mend, never a failure of ours. */
const REFUSALS: Readonly<Record<string, readonly [FaultCode, string]>> = {
  ENAMETOOLONG: ['command_not_found', 'no such file: its name is longer than the system accepts'],
  ELOOP: ['command_not_found', 'no such file: its path goes through a loop of symbolic links'],
  ENOEXEC: ['not_executable', 'neither a program for this machine nor a script with a #! line'],
  EINVAL: ['not_executable', 'not a program that this system can run'],
  ELIBBAD: ['not_executable', 'its interpreter is not one for this machine'],
  EISDIR: ['not_executable', 'its interpreter is a directory'],
  EPERM: ['not_executable', 'the system does not permit to run it'],
  ETXTBSY: ['conflict', 'a process has it open for writing; it can be started once that is closed'],
}

/** Sentence for ELOOP of a file that can be reached. */
const DEEP = 'its #! line leads from script to script, further than the system follows'

/** Returns why starting failed, said about the request; `errno` is its name. */
export function* reasonOf(errno: string, options: ProgramOptions, path: string): FileInquiry<Fault> {
  const fault = (code: FaultCode, problem: string) => commandFault(code, options, problem, errno)
  if (errno === 'E2BIG') {
    return fault('payload_too_large', 'arguments and environment together exceed what the system takes')
  }
  if (SHORT.has(errno)) return fault('unavailable', `the system cannot start a process now (${errno})`)
  const cwd = yield* cwdProblem(options.cwd)
  if (cwd !== undefined) return cwd
  const file = inCwd(path, options.cwd)
  const seen = yield { path: file, about: 'kind', touched: false, role: 'command' }
  if (errno === 'ENOENT' || errno === 'ENOTDIR') {
    return fault('command_not_found', seen.errno === undefined ? yield* missingInterpreter(file) : 'no such file')
  }
  if (errno === 'EACCES') return fault('not_executable', yield* refusalOf(file, seen))
  if (errno === 'ELOOP' && seen.errno === undefined) return fault('not_executable', DEEP)
  if (UNREACHABLE.has(errno)) return fault('unavailable', `it cannot be read (${errno})`)
  const [code, problem] = REFUSALS[errno] ?? ['spawn_failed', `could not be started (${errno})`]
  return fault(code, problem)
}

function* refusalOf(file: string, seen: FileAnswer): FileInquiry<string> {
  if (seen.errno === undefined && seen.kind === 'directory') return 'is a directory'
  if (seen.errno === undefined && seen.usable) {
    const { interpreter, script } = yield { path: file, about: 'interpreter', touched: false, role: 'command' }
    if (script && interpreter !== undefined) return `its interpreter ${quote(interpreter)} is not executable`
    return 'permission denied (is its file system mounted noexec?)'
  }
  return 'is not executable: permission denied'
}

/** Says what is missing if the file is there and the kernel answers ENOENT: the program that should run it. */
function* missingInterpreter(file: string): FileInquiry<string> {
  const { interpreter, script } = yield { path: file, about: 'interpreter', touched: false, role: 'command' }
  if (script && interpreter !== undefined) {
    return `the file exists, but its interpreter ${quote(interpreter)} does not`
  }
  return 'the file exists, but the loader it was built for does not (another C library or architecture)'
}
