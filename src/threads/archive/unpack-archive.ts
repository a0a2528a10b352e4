// One archive on its way into the destination: bytes in, members out, and for each failure one fault that names the
// member and says how far the archive came. Nothing is opened or made before the first header is valid.

import { readlinkSync } from 'node:fs'
import { errnoOf, Fault, type FaultNotice, faultOfSystem, noticeOf, quote } from '../../base/fault.ts'
import { pathOfOpened } from '../../base/opened-path.ts'
import { Withheld } from '../walk/left-out.ts'
import { openAgain, openDest, WrittenFileSystems } from './unpack-dest.ts'
import { MadeDirectories } from './unpack-directories.ts'
import { UnpackTree } from './unpack-tree.ts'
import { PinnedTree } from './pinned-tree.ts'
import { MemberFault, memberFault } from './unpack-header.ts'
import { reachedSentence, type Progress, type UnpackJob, UnpackJournal, UnpackBudget } from './unpack-job.ts'
import { readable } from './unpack-names.ts'
import { type UnpackMember, type MemberSink, TarReader } from './unpack-reader.ts'

const NOTHING: Progress = { files: 0, last: undefined, directories: 0, bytes: 0 }

interface Opened {
  readonly tree: PinnedTree
  readonly directories: MadeDirectories
  readonly written: WrittenFileSystems
  readonly journal: UnpackJournal
  readonly members: UnpackTree
}

export class UnpackArchive implements MemberSink, Disposable {
  readonly #job: UnpackJob
  readonly #budget: UnpackBudget
  readonly #reader: TarReader
  readonly #stack = new DisposableStack()
  #opened: Opened | undefined
  #member: UnpackMember | undefined
  #index = 0
  /** The name of the member at hand, a byte string; undefined until it is known. */
  #name: string | undefined
  #out = 0

  constructor(job: UnpackJob) {
    this.#job = job
    this.#budget = new UnpackBudget(job.limits)
    this.#reader = new TarReader(this)
  }

  get progress(): Progress {
    const { files, last, directories, bytes } = this.#opened?.members.progress ?? NOTHING
    return { files, last: last === undefined ? undefined : readable(last), directories, bytes }
  }

  /** Takes a chunk of the uncompressed archive. `into`: bytes that went into the decompressor so far. */
  push(chunk: Buffer, into: number): void {
    this.#out += chunk.byteLength
    this.#budget.expansion(into, this.#out)
    this.#reader.push(chunk)
  }

  /** Tells that all of it has come. Resolves once everything is in its place, and durable if that is wanted. */
  async finish(): Promise<void> {
    this.#reader.end()
    const { directories, tree, written, journal } = this.#open()
    directories.settle(tree)
    await written.flush()
    journal.clear()
  }

  /**
   * Takes back what is half done. What cannot be taken back stays noted, and is tried again when the upload is closed.
   */
  abandon(): void {
    try {
      this.#opened?.members.abandon()
      this.#opened?.journal.clear()
    } catch (error) {
      if (errnoOf(error) === undefined) throw error // a directory that was shut meanwhile is no defect of ours
    }
  }

  /** Returns what a failure of `push` or `finish` means to the caller. */
  notice(error: unknown): FaultNotice {
    const fault = error instanceof MemberFault ? error : systemFault(error, this.#path)
    const { files, last } = this.progress
    const reached = reachedSentence(files, last)
    if (!(fault instanceof Fault)) {
      const defect = noticeOf(error, 'unpacking')
      return { ...defect, sentence: `${defect.sentence}; ${reached}` }
    }
    const about = fault === error && !(fault instanceof MemberFault) ? fault.message : this.#sentence(fault)
    const member = about === fault.message ? {} : this.#naming()
    const details = { ...fault.details, ...member, files_extracted: files, last_extracted: last ?? null }
    return { code: fault.code, sentence: `${about}; ${reached}`, details, retryAfter: fault.retryAfter }
  }

  header(): void {
    this.#name = undefined
    this.#member = undefined
    this.#open()
  }

  named(name: string): void {
    this.#name = name
    this.#index++
    this.#budget.member()
  }

  begin(member: UnpackMember): void {
    this.#member = member
    this.#open().members.begin(member)
  }

  content(bytes: Uint8Array): void {
    this.#open().members.content(bytes)
  }

  end(): void {
    if (this.#member !== undefined) this.#open().members.end(this.#member)
  }

  [Symbol.dispose](): void {
    this.#stack.dispose()
  }

  get #path(): string {
    return this.#name === undefined
      ? this.#job.dest
      : `${this.#job.dest === '/' ? '' : this.#job.dest}/${readable(this.#name)}`
  }

  #sentence(fault: Fault): string {
    const which =
      this.#name === undefined ? `member ${this.#index + 1}` : `member ${this.#index} ${quote(readable(this.#name))}`
    return fault instanceof MemberFault ? `${which} ${fault.message}` : `${which} cannot be unpacked: ${fault.message}`
  }

  #naming(): object {
    if (this.#name === undefined) return { index: this.#index + 1 }
    const shown = readable(this.#name)
    const bytes = Buffer.from(this.#name, 'latin1')
    const exact = Buffer.from(shown).equals(bytes) ? {} : { member_base64: bytes.toString('base64') }
    return { member: shown, index: this.#index, ...exact }
  }

  #open(): Opened {
    if (this.#opened !== undefined) return this.#opened
    const { leftOut } = this.#job
    const withheld = leftOut === undefined ? undefined : new Withheld(leftOut)
    const judge = (path: string, fd?: number): void => {
      if (withheld?.covers(path) === true || (fd !== undefined && withheld?.opened(fd) === true))
        throw memberFault(WITHHELD, 'forbidden')
    }
    const judgePlace = (path: string): void => {
      if (withheld?.reaches(path) === true) throw memberFault(WITHHELD, 'forbidden')
    }
    const fd = openDest(this.#job.dest, (at, missing) => judge(pathOf(at, missing), at))
    const directories = new MadeDirectories()
    const written = this.#stack.use(new WrittenFileSystems())
    const crossed = (device: number, at: number): void => {
      this.#budget.elsewhere()
      if (this.#job.durable) written.add(device, at)
    }
    const tree = this.#stack.use(
      new PinnedTree(fd, { made: (parts, made) => directories.made(parts, made), crossed, judge, judgePlace }),
    )
    const sideTree = this.#stack.use(
      new PinnedTree(openAgain(fd), { made: () => {}, crossed: () => {}, judge, judgePlace }),
    )
    const journal = this.#stack.use(new UnpackJournal(this.#job.journal))
    const members = new UnpackTree({ tree, sideTree, directories, journal, budget: this.#budget })
    this.#opened = { tree, directories, written, journal, members }
    return this.#opened
  }
}

const WITHHELD =
  "leads to the daemon's own files (state, cache, secrets, its process); accepted is a credential without limited scopes"

function pathOf(fd: number, missing: readonly string[]): string {
  const at = readlinkSync(pathOfOpened(fd), 'latin1')
  return [at === '/' ? '' : at, ...missing.map((name) => Buffer.from(name).toString('latin1'))].join('/') || '/'
}

/**
 * Returns the fault as `faultOfSystem` does. An errno that it does not know is told too: it says something about the
 * place.
 */
function systemFault(error: unknown, path: string): unknown {
  const fault = faultOfSystem(error, path)
  const errno = errnoOf(error)
  if (fault instanceof Fault || errno === undefined || !/^E[A-Z0-9]+$/.test(errno) || errno.startsWith('ERR_'))
    return fault
  return new Fault('conflict', `path ${quote(path)} cannot be written: ${errno}`, {
    details: { path, errno },
    cause: error,
  })
}
