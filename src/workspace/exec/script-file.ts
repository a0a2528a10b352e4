// Gives a shell a script that is longer than one argument may be (128 KiB) as a file: one in memory, which the child
// opens through /proc, so that nothing is left behind however the daemon ends. Without /proc it is a file in the
// temporary directory, removed when the command has ended.

import { closeSync } from 'node:fs'
import { open, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, Fault } from '../../base/fault.ts'
import { freshRandom } from '../../base/fresh-random.ts'
import { openMemoryFile } from '../../native/files.ts'
import { ARGUMENT_BYTES } from '../processes/program-path.ts'
import type { CommandPlan } from './command-plan.ts'
import { shellScript } from './shell-words.ts'

interface StartableCommand extends AsyncDisposable {
  readonly argv: readonly [string, ...string[]]
}

interface ScriptFile extends AsyncDisposable {
  readonly path: string
}

const RETRY_SECONDS = 5

/**
 * Returns the argv to start. `scratch` is a directory for temporary files. The caller disposes once the child has
 * ended.
 */
export async function startable(plan: CommandPlan, scratch: string): Promise<StartableCommand> {
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

/** Returns undefined if a child could not open it: without /proc, or with a kernel that has no such files. */
async function inMemory(script: string): Promise<ScriptFile | undefined> {
  const file = await openInMemory()
  if (file === undefined) return undefined
  try {
    await file.writeFile(script)
  } catch (error) {
    await file.close()
    throw refusal(script, error)
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
    throw refusal(script, error)
  }
  return { path, [Symbol.asyncDispose]: remove }
}

/** Names no path: the caller has given none. */
function refusal(script: string, error: unknown): unknown {
  const errno = errnoOf(error)
  if (errno === undefined) return error
  const bytes = Buffer.byteLength(script)
  const sentence =
    `the script has ${bytes} bytes, more than an argument may have (${ARGUMENT_BYTES}), ` +
    `and the daemon can make no file to hand it over in (${errno}); send it by stdin, or write it to a file first`
  return new Fault('unavailable', sentence, { details: { bytes, errno }, retryAfter: RETRY_SECONDS, cause: error })
}
