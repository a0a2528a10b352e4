// Puts the members of an archive into the destination: each file complete under a temporary name beside its place and
// then renamed over it, links made after what they say was checked, directories made as needed (protocol.md#archives,
// T-01, T-02, F-10, F-12). The owner is the daemon's user; set-id bits are dropped, the umask does not change the
// archive's other permissions.

import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fchmodSync,
  linkSync,
  lstatSync,
  openSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { errnoOf, quote } from '../../base/fault.ts'
import { temporaryName } from '../../base/temporary-name.ts'
import { setFileTime, setPathTime } from '../../native/files.ts'
import { at, type PinnedTree } from './pinned-tree.ts'
import type { MadeDirectories } from './unpack-directories.ts'
import { MemberFault, memberFault } from './unpack-header.ts'
import type { Progress, TemporaryKind, UnpackJournal, UnpackBudget } from './unpack-job.ts'
import { memberParts, readable } from './unpack-names.ts'
import type { UnpackMember } from './unpack-reader.ts'

/** Bytes drawn at a time, for the names of 64 temporary files. */
const RANDOM_BYTES = 512

const NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

interface TreeParts {
  readonly tree: PinnedTree
  /** Second walker of the same tree, for looking at other places than that of the member at hand. */
  readonly sideTree: PinnedTree
  readonly directories: MadeDirectories
  readonly journal: UnpackJournal
  readonly budget: UnpackBudget
}

/** A file or link under its temporary name, in the directory open as `parent`. */
interface Temporary {
  readonly parent: number
  readonly name: string
  readonly temporary: string
}

interface OpenFile extends Temporary {
  readonly fd: number
  readonly member: UnpackMember
}

export class UnpackTree {
  readonly #parts: TreeParts
  #file: OpenFile | undefined
  #left: Temporary | undefined
  #files = 0
  #last: string | undefined
  #directories = 0
  #bytes = 0
  #digits = ''

  constructor(parts: TreeParts) {
    this.#parts = parts
  }

  get progress(): Progress {
    return { files: this.#files, last: this.#last, directories: this.#directories, bytes: this.#bytes }
  }

  begin(member: UnpackMember): void {
    const parts = memberParts(member.name)
    const name = parts.at(-1)
    if (member.type === 'directory') return this.#directory(parts, member)
    if (name === undefined) throw memberFault(`would be dest itself, and is a ${member.type}`)
    const { tree, directories } = this.#parts
    const above = parts.slice(0, -1)
    directories.relieve(tree, above)
    const parent = tree.enter(above)
    tree.judgePlace(name)
    if (member.type === 'file') this.#openFile(parent, name, member)
    else if (member.type === 'symlink') this.#symbolicLink(parent, name, member)
    else this.#hardLink(parent, name, member)
  }

  content(bytes: Uint8Array): void {
    const file = this.#file
    if (file === undefined) return
    for (let done = 0; done < bytes.byteLength;) done += writeSync(file.fd, bytes, done)
    this.#bytes += bytes.byteLength
  }

  end({ type, name }: UnpackMember): void {
    if (this.#file !== undefined) this.#closeFile(this.#file)
    if (type === 'directory') return
    this.#files++
    this.#last = name
  }

  /** Takes back what was begun; what is complete stays. */
  abandon(): void {
    if (this.#file !== undefined) closeSync(this.#file.fd)
    this.#file = undefined
    if (this.#left !== undefined) this.#takeBack(this.#left)
  }

  #directory(parts: readonly string[], { mode, mtime }: UnpackMember): void {
    const { tree, directories, budget } = this.#parts
    if (parts.length === 0) return // "./": dest keeps its permissions and time
    directories.relieve(tree, parts)
    const kept = mode & 0o1777
    budget.space(0, tree.enter(parts.slice(0, -1)))
    tree.enter(parts, kept)
    directories.describe(tree.place, kept, mtime)
    this.#directories++
  }

  #openFile(parent: number, name: string, member: UnpackMember): void {
    this.#parts.budget.space(member.size, parent)
    const place = this.#begin('file', parent, name)
    // No other user reads it until it is complete and has its permissions (F-12).
    const fd = openSync(at(parent, place.temporary), NEW, 0o600)
    this.#file = { ...place, fd, member }
  }

  #closeFile(file: OpenFile): void {
    const { fd, member } = file
    fchmodSync(fd, member.mode & 0o777)
    setFileTime(fd, member.mtime.seconds, member.mtime.nanoseconds)
    this.#file = undefined
    closeSync(fd)
    this.#place(file)
  }

  #symbolicLink(parent: number, name: string, { target, mtime }: UnpackMember): void {
    const { tree, sideTree, budget } = this.#parts
    about(`is a symbolic link to ${quote(readable(target))}, which`, () => sideTree.checkTarget(target, tree.place))
    budget.space(0, parent)
    const bytes = Buffer.from(target, 'latin1')
    this.#link('link', { parent, name }, (as) => {
      symlinkSync(bytes, as)
      setPathTime(as, { ...mtime, follow: false })
    })
  }

  /**
   * Makes a hard link to a file below dest that exists already, or to a symbolic link, whose target must be allowed in
   * the new place too.
   */
  #hardLink(parent: number, name: string, { target }: UnpackMember): void {
    const { tree, sideTree, budget } = this.#parts
    const find = (): Existing =>
      about(`is a hard link to ${quote(readable(target))}, which`, () => entryAt(sideTree, target))
    const { link } = find()
    if (link !== undefined) {
      const subject = `is a hard link to the symbolic link ${quote(readable(target))} to ${quote(readable(link))}, which`
      about(subject, () => sideTree.checkTarget(link, tree.place))
    }
    budget.space(0, parent)
    const { path } = find() // checking has led the side tree elsewhere
    this.#link(link === undefined ? 'file' : 'link', { parent, name }, (as) => linkSync(path, as))
  }

  /** Makes a link at once if the name is free, else beside it and over what is there. */
  #link(kind: TemporaryKind, { parent, name }: Pick<Temporary, 'parent' | 'name'>, make: (as: Buffer) => void): void {
    try {
      return make(at(parent, name))
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error
    }
    const place = this.#begin(kind, parent, name)
    make(at(parent, place.temporary))
    this.#place(place)
    this.#takeBack(place) // rename(2) of two names of one file leaves both
  }

  #begin(kind: TemporaryKind, parent: number, name: string): Temporary {
    const temporary = temporaryName(name, this.#random())
    this.#parts.journal.note(kind, this.#parts.tree.pathOf(temporary))
    const place = { parent, name, temporary }
    this.#left = place
    return place
  }

  /**
   * Returns 16 hexadecimal digits. They are drawn for many names at once: one by one they took a tenth of an archive's
   * time.
   */
  #random(): string {
    if (this.#digits === '') this.#digits = randomBytes(RANDOM_BYTES).toString('hex')
    const drawn = this.#digits.slice(0, 16)
    this.#digits = this.#digits.slice(16)
    return drawn
  }

  #place(place: Temporary): void {
    try {
      renameSync(at(place.parent, place.temporary), at(place.parent, place.name))
    } catch (error) {
      if (errnoOf(error) !== 'EISDIR') throw error
      throw memberFault('cannot take the place of the directory that has its name in dest', 'conflict')
    }
    this.#left = undefined
  }

  #takeBack({ parent, temporary }: Temporary): void {
    try {
      unlinkSync(at(parent, temporary))
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
    }
  }
}

/** Puts `subject` before the sentence of a fault. */
function about<T>(subject: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    if (error instanceof MemberFault) throw memberFault(`${subject} ${error.message}`, error.code, error.details)
    throw error
  }
}

/** The file or symbolic link that a hard link may be another name of. */
interface Existing {
  readonly path: Buffer
  /** Target if it is a symbolic link: a byte string. */
  readonly link?: string
}

/**
 * Returns the regular file or symbolic link that a member names. Its path is good until the side tree goes elsewhere.
 */
function entryAt(sideTree: PinnedTree, target: string): Existing {
  const parts = memberParts(target)
  const name = parts.at(-1)
  const parent = name === undefined ? undefined : sideTree.find(parts.slice(0, -1))
  if (name === undefined || parent === undefined) throw memberFault('is no file in dest')
  sideTree.judge(name)
  const path = at(parent, name)
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined) throw memberFault('does not exist in dest')
  if (stats.isSymbolicLink()) return { path, link: readlinkSync(path, 'latin1') }
  if (!stats.isFile()) throw memberFault('is no file')
  return { path }
}
