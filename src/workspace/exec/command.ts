// From the command of a request to the argv that is started (protocol.md#exec). Pure: nothing here
// looks at the system. Arrays of two or more words run as they are; one word alone may be a command line.

import { Fault, quote, errnoOf } from '../../base/fault.ts'
import { shellBehind, shellScript } from './shell-words.ts'
import { closeSync } from 'node:fs'
import { open, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { freshRandom } from '../../base/fresh-random.ts'
import { openMemoryFile } from '../../native/files.ts'

export interface Plan {
  readonly argv: readonly [string, ...string[]]
  /** The caller does not wait for the end. */
  readonly background: boolean
  /** Index of the last word, where it is a shell's script: it may be handed over as a file. */
  readonly script: number | undefined
  /** Index of that shell: other programs may stand before it (`timeout 5 bash -c …`). */
  readonly shell: number
}

/** MAX_ARG_STRLEN of Linux (32 pages of 4 KiB), less the final NUL: no single argument may be longer. */
export const ARGUMENT_BYTES = 131_071

const SHELL = '/bin/sh'

/** Anything a shell would read as more than one plain word. */
const NEEDS_SHELL = /[\s|&;<>()$`\\"'*?[\]#~=!{}]/

/** Unknown modes are `auto`, never an error. */
export function planCommand(words: readonly string[], mode: string): Plan {
  const [first = '', ...rest] = words
  if (first.trim() === '' && rest.length === 0) {
    throw refusal('command is empty; accepted is a command as an array of arguments, or as one string')
  }
  const background = mode === 'background'
  const asItIs = { argv: [first, ...rest] as const, background, ...ownScript(words) }
  const line = (text: string): Plan => ({ argv: [SHELL, '-c', text], background, script: 2, shell: 0 })
  if (mode === 'shell') return startsScript(words) ? asItIs : line(words.join(' '))
  if (rest.length > 0 || !NEEDS_SHELL.test(first)) return asItIs
  return mode === 'direct' ? { ...asItIs, argv: splitWords(first) } : line(first)
}

/** True for `bash -lc script`, also behind `timeout 5` or `env A=1`: joined, the script would be its first word alone. */
function startsScript(words: readonly string[]): boolean {
  return shellScript(words.slice(shellBehind(words))) !== undefined
}

/** Where the script of `bash -lc script` is, if nothing follows it. */
function ownScript(words: readonly string[]): Pick<Plan, 'script' | 'shell'> {
  const shell = shellBehind(words)
  const at = shell + (shellScript(words.slice(shell))?.at ?? Infinity)
  return { script: at === words.length - 1 ? at : undefined, shell }
}

/** Splits a line into words as a shell does, quotes and backslashes respected, without any expansion. */
export function splitWords(line: string): [string, ...string[]] {
  const words: string[] = []
  let word: string | undefined
  for (let i = 0; i < line.length; i++) {
    const char = line.charAt(i)
    if (/\s/.test(char)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else if (char === '"' || char === "'") {
      const quoted = quotedPart(line, i)
      word = (word ?? '') + quoted.text
      i = quoted.end
    } else if (char === '\\' && i + 1 < line.length) {
      word = (word ?? '') + line.charAt(++i)
    } else {
      word = (word ?? '') + char
    }
  }
  if (word !== undefined) words.push(word)
  const [program, ...rest] = words
  if (program === undefined || program === '') throw refusal(`command is ${quote(line)}, which names no program`)
  return [program, ...rest]
}

/** The text between the quote at `start` and its partner at `end`. */
function quotedPart(line: string, start: number): { text: string; end: number } {
  const mark = line.charAt(start)
  let text = ''
  for (let i = start + 1; i < line.length; i++) {
    const char = line.charAt(i)
    if (char === mark) return { text, end: i }
    const escapes = mark === '"' && char === '\\' && /["\\$`]/.test(line.charAt(i + 1))
    text += escapes ? line.charAt(++i) : char
  }
  throw refusal(`command is ${quote(line)}, in which the quote ${mark} at character ${start + 1} is never closed`)
}

function refusal(sentence: string): Fault {
  return new Fault('bad_request', sentence, { details: { field: 'command' } })
}

// A shell script longer than one argument may be (128 KiB) goes to the shell as a file: one in memory, which the child
// opens through /proc, so that nothing is left behind whatever happens. Where there is no /proc it is a file of
// the temporary directory, removed when the command has ended.

interface StartableCommand extends AsyncDisposable {
  readonly argv: readonly [string, ...string[]]
}

interface ScriptFile extends AsyncDisposable {
  readonly path: string
}

const RETRY_SECONDS = 5

/** `scratch` is a directory for temporary files. The caller disposes once the child has ended. */
export async function startable(plan: Plan, scratch: string): Promise<StartableCommand> {
  const script = plan.script === undefined ? '' : (plan.argv[plan.script] ?? '')
  // UTF-8 takes at most three bytes for each UTF-16 unit: short strings need no count.
  if (script.length * 3 <= ARGUMENT_BYTES || Buffer.byteLength(script) <= ARGUMENT_BYTES) {
    return { argv: plan.argv, [Symbol.asyncDispose]: () => Promise.resolve() }
  }
  const file = (await inMemory(script)) ?? (await inDirectory(script, scratch))
  const [program, ...wrapped] = [
    ...plan.argv.slice(0, plan.shell),
    ...(shellScript(plan.argv.slice(plan.shell))?.before ?? []),
  ]
  return {
    argv: [program ?? plan.argv[0], ...wrapped, file.path],
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  }
}

/** Undefined where a child could not open it: without /proc, or in a kernel without such files. */
async function inMemory(script: string): Promise<ScriptFile | undefined> {
  const file = await openInMemory()
  if (file === undefined) return undefined
  try {
    await file.writeFile(script)
  } catch (error) {
    await file.close()
    throw refusedScript(script, error)
  }
  return { path: `/proc/${process.pid}/fd/${file.fd}`, [Symbol.asyncDispose]: () => file.close() }
}

async function openInMemory(): Promise<FileHandle | undefined> {
  let fd: number | undefined
  try {
    fd = openMemoryFile('script')
    return await open(`/proc/${process.pid}/fd/${fd}`, 'r+')
  } catch {
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

async function inDirectory(script: string, scratch: string): Promise<ScriptFile> {
  const path = join(scratch, `.script-${freshRandom(8).toString('hex')}~`)
  const remove = async (): Promise<void> => await unlink(path).catch(() => undefined)
  try {
    await using file = await open(path, 'wx', 0o600)
    await file.writeFile(script)
  } catch (error) {
    await remove()
    throw refusedScript(script, error)
  }
  return { path, [Symbol.asyncDispose]: remove }
}

/** Says nothing of paths: the caller has given none. */
function refusedScript(script: string, error: unknown): unknown {
  const errno = errnoOf(error)
  if (errno === undefined) return error
  const bytes = Buffer.byteLength(script)
  const sentence =
    `the script has ${bytes} bytes, more than an argument may have (${ARGUMENT_BYTES}), ` +
    `and the daemon can make no file to hand it over in (${errno}); send it by stdin, or write it to a file first`
  return new Fault('unavailable', sentence, { details: { bytes, errno }, retryAfter: RETRY_SECONDS, cause: error })
}
