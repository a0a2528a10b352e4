// Remembers the temporary files in flight, so that a daemon killed in the middle leaves none behind
// (contract 18, reliability F-06). One file per daemon in the state directory: a line `+"path"` before a
// temporary file is made, a line `-"path"` after it is gone, handed to the kernel in batches and never
// synced, since it must survive our death, not the machine's. The next start reads the journals of daemons
// that no longer live, removes what is left of the files named there, and then the journals.

import { constants } from 'node:fs'
import { lstat, mkdir, open, readdir, readFile, rename, rm, unlink, type FileHandle } from 'node:fs/promises'
import { basename, join } from 'node:path'

export interface WriteJournal extends AsyncDisposable {
  /** Why nothing is remembered, where the state directory cannot be written; otherwise undefined. */
  readonly problem: string | undefined
  /** Resolves once the kernel has the line; only then is the temporary file made. */
  begin(path: string): Promise<void>
  /** The temporary file is gone. */
  end(path: string): void
}

/** The journal is written anew when it has grown beyond this; 64 KiB are about 400 writes. */
const COMPACT_BYTES = 64 * 1024

/** Temporary files end in "~", so that watchers never show them (contract 17). */
const TEMPORARY = /^\.[^]*\.[0-9a-f]{16}~$/
const JOURNAL = /^writes-([0-9a-f-]+)-(\d+)-(\d+)\.journal$/

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants

export function isTemporaryName(name: string): boolean {
  return TEMPORARY.test(name)
}

/** Sweeps what earlier daemons left, then opens the journal of this one. */
export async function openWriteJournal(stateDirectory: string): Promise<WriteJournal> {
  try {
    await mkdir(stateDirectory, { recursive: true, mode: 0o700 })
    const own = await ownName()
    await sweep(stateDirectory, own)
    const path = join(stateDirectory, own)
    return new Journal(path, await open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600))
  } catch (error) {
    return without(error instanceof Error ? error.message : String(error))
  }
}

class Journal implements WriteJournal {
  readonly problem = undefined
  readonly #path: string
  #handle: FileHandle
  readonly #inFlight = new Set<string>()
  #lines = ''
  #bytes = 0
  /** Settles with the batch of lines that is written next. */
  #batch: PromiseWithResolvers<void> | undefined
  #busy = false

  constructor(path: string, handle: FileHandle) {
    this.#path = path
    this.#handle = handle
  }

  async begin(path: string): Promise<void> {
    this.#inFlight.add(path)
    this.#lines += `+${JSON.stringify(path)}\n`
    await this.#flush()
  }

  end(path: string): void {
    this.#inFlight.delete(path)
    this.#lines += `-${JSON.stringify(path)}\n`
    void this.#flush() // never rejects; disposal waits for it
  }

  /** Resolves once all lines that stand now are written; lines that come meanwhile share the next batch. */
  #flush(): Promise<void> {
    this.#batch ??= Promise.withResolvers<void>()
    const { promise } = this.#batch
    if (!this.#busy) void this.#run() // never rejects
    return promise
  }

  async #run(): Promise<void> {
    this.#busy = true
    await Promise.resolve() // lines of the same turn go together
    for (let batch = this.#batch; batch !== undefined; batch = this.#batch) {
      const lines = this.#lines
      this.#lines = ''
      this.#batch = undefined
      try {
        // A full disk under the state directory must not forbid writes elsewhere: the lines are given up.
        this.#bytes += (await this.#handle.write(lines)).bytesWritten
        if (this.#bytes > COMPACT_BYTES) await this.#compact()
      } catch {
        this.#bytes += lines.length
      }
      batch.resolve()
    }
    this.#busy = false
  }

  /** Writes the files in flight to a new journal that takes the place of this one. */
  async #compact(): Promise<void> {
    const lines = [...this.#inFlight].map((path) => `+${JSON.stringify(path)}\n`).join('')
    const fresh = `${this.#path}.new`
    const handle = await open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW, 0o600)
    try {
      if (lines !== '') await handle.write(lines)
      await rename(fresh, this.#path)
    } catch (error) {
      await handle.close()
      throw error
    }
    await this.#handle.close()
    this.#handle = handle
    this.#bytes = 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#flush()
    await this.#handle.close()
    if (this.#inFlight.size === 0) await rm(this.#path, { force: true })
  }
}

function without(problem: string): WriteJournal {
  return { problem, begin: async () => {}, end: () => {}, [Symbol.asyncDispose]: async () => {} }
}

/** Boot, process id and start time together name one process for good, also across reboots. */
async function ownName(): Promise<string> {
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '0')).trim()
  return `writes-${boot}-${process.pid}-${(await startTime(process.pid)) ?? '0'}.journal`
}

/** Field 22 of /proc/<pid>/stat, in clock ticks since boot; undefined where no such process lives. */
async function startTime(pid: number): Promise<string | undefined> {
  const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The name in field 2 may hold blanks and brackets; the fields are counted after its last bracket.
  return line.slice(line.lastIndexOf(')') + 2).split(' ')[19]
}

async function sweep(stateDirectory: string, own: string): Promise<void> {
  const ownBoot = JOURNAL.exec(own)?.[1]
  for (const name of await readdir(stateDirectory)) {
    const [, boot, pid, started] = JOURNAL.exec(name) ?? []
    if (boot === undefined || (boot === ownBoot && (await startTime(Number(pid))) === started)) continue
    const path = join(stateDirectory, name)
    for (const left of leftOver(await readFile(path, 'utf8'))) await removeTemporary(left)
    await rm(path, { force: true })
    await rm(`${path}.new`, { force: true })
  }
}

/** The paths whose `-` is missing. A torn last line was written before its file was made: it is skipped. */
export function leftOver(journal: string): Set<string> {
  const paths = new Set<string>()
  for (const line of journal.split('\n').slice(0, -1)) {
    const path = parsePath(line.slice(1))
    if (path === undefined) continue
    if (line.startsWith('+')) paths.add(path)
    else paths.delete(path)
  }
  return paths
}

function parsePath(text: string): string | undefined {
  try {
    const path: unknown = JSON.parse(text)
    return typeof path === 'string' ? path : undefined
  } catch {
    return undefined
  }
}

/** Removes a regular file with a name of ours, and nothing else, whatever the journal says. */
async function removeTemporary(path: string): Promise<void> {
  if (!isTemporaryName(basename(path))) return
  try {
    if ((await lstat(path)).isFile()) await unlink(path)
  } catch {
    // Gone already, or on a file system that is not mounted now: nothing to be done at start.
  }
}
