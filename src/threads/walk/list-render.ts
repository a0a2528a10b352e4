// A listing as a walk (protocol.md#files): `new Listing(job, ground, output).run()` puts the JSON of each entry into
// `output`. Lines and the flat form go directory by directory; the tree form keeps a list of the directories that are
// open. The generator rests at each `yield` and does not recurse, so only the file system limits the depth.

import { lstatSync } from '../../base/path-calls.ts'
import { below, type Item, type Location } from './directory.ts'
import { extensionOf, isCodeFile } from './code-files.ts'
import { contentPart, entryHead, extensionPart, quickInside, statPart, type Output } from './entry.ts'
import { hashSteps, readContent } from './file-bytes.ts'
import { folded } from './fold.ts'
import type { WalkedDirectory, Ground } from './ground.ts'
import type { ListJob } from './walk-job.ts'
import { errnoOf } from '../../base/fault.ts'

/** Names of one directory that are sorted at most: as many as the longest listing has (protocol.md#files). */
const MOST_SORTED = 50_000

/** An entry of a tree that is made level by level. */
interface TreeEntry {
  readonly text: string
  readonly children: TreeEntry[] | undefined
  /** True if some of its children are missing. */
  cut: boolean
}

interface OpenDirectory {
  readonly directory: WalkedDirectory
  readonly items: readonly Item[]
  next: number
}

export class Listing {
  readonly #job: ListJob
  readonly #ground: Ground
  readonly #output: Output
  #count = 0
  #truncated = false
  #depthLimited = false
  #skipped = 0
  #cutAt: string | undefined
  #budget: number
  /** True if nothing has been put since the last "[". */
  #first = true

  constructor(job: ListJob, ground: Ground, output: Output) {
    this.#job = job
    this.#ground = ground
    this.#output = output
    this.#budget = job.contentBudget
  }

  get count(): number {
    return this.#count
  }
  get truncated(): boolean {
    return this.#truncated
  }
  get cutAt(): string | undefined {
    return this.#cutAt
  }
  get depthLimited(): boolean {
    return this.#depthLimited
  }

  run(): Generator<void, void> {
    if (this.#job.shape !== 'tree') return this.#flat()
    return this.#job.broad === true ? this.#broadTree() : this.#tree()
  }

  *#flat(): Generator<void, void> {
    const pending = [this.#ground.root]
    for (let directory = pending.pop(); directory !== undefined && !this.#truncated; directory = pending.pop()) {
      const inside = insideOf(directory)
      const children: WalkedDirectory[] = []
      const items = this.#job.shape === 'lines' ? this.#ground.enter(directory) : yield* this.#sorted(directory)
      for (const item of items) {
        if (this.#ground.tired || this.#output.full) yield
        // `#sorted` has asked the rules already.
        if (this.#job.shape === 'lines' && !this.#ground.admits(directory, item)) continue
        if (this.#shows(directory, item) && !this.#skips()) {
          if (this.#full()) break
          const text = this.#quick()
            ? this.#light(directory, item, inside)
            : yield* this.#entry(directory, item, inside)
          if (text !== undefined) this.#put(text, '}')
        }
        const child = this.#enterable(directory, item)
        if (child !== undefined) children.push(child)
      }
      while (children.length > 0) pending.push(children.pop() as WalkedDirectory) // so that the first comes out first
    }
  }

  *#tree(): Generator<void, void> {
    const open: OpenDirectory[] = [yield* this.#frame(this.#ground.root)]
    for (let frame = open.at(-1); frame !== undefined; frame = open.at(-1)) {
      const item = this.#truncated ? undefined : frame.items[frame.next++]
      if (item === undefined) {
        open.pop()
        if (open.length > 0) this.#output.put(']}')
        this.#first = false
        continue
      }
      if (this.#ground.tired || this.#output.full) yield
      if (!this.#shows(frame.directory, item) || this.#full()) continue
      const inside = insideOf(frame.directory)
      const text = this.#quick()
        ? this.#light(frame.directory, item, inside)
        : yield* this.#entry(frame.directory, item, inside)
      if (text === undefined) continue
      const child = this.#enterable(frame.directory, item)
      this.#put(text, child === undefined ? '}' : ',"children":[')
      if (child === undefined) continue
      this.#first = true
      open.push(yield* this.#frame(child))
    }
  }

  /** Lists level by level; entries are held until the end, at most as many as the cap. */
  *#broadTree(): Generator<void, void> {
    const top: TreeEntry[] = []
    const pending: { directory: WalkedDirectory; into: TreeEntry[]; of?: TreeEntry }[] = [
      { directory: this.#ground.root, into: top },
    ]
    for (const { directory, into, of } of pending) {
      if (this.#truncated && of !== undefined) of.cut = true
      if (this.#truncated) continue
      const inside = insideOf(directory)
      for (const item of yield* this.#sorted(directory)) {
        if (this.#ground.tired) yield
        if (!this.#shows(directory, item)) continue
        if (this.#full()) {
          this.#cutAt = directory.path
          if (of !== undefined) of.cut = true
          break
        }
        const text = this.#quick() ? this.#light(directory, item, inside) : yield* this.#entry(directory, item, inside)
        if (text === undefined) continue
        this.#count++
        const child = this.#enterable(directory, item)
        const branch: TreeEntry = { text, children: child === undefined ? undefined : [], cut: false }
        into.push(branch)
        if (child !== undefined) pending.push({ directory: child, into: branch.children ?? [], of: branch })
      }
    }
    yield* this.#render(top)
  }

  *#render(top: readonly TreeEntry[]): Generator<void, void> {
    const open = [{ branches: top, next: 0 }]
    for (let frame = open.at(-1); frame !== undefined; frame = open.at(-1)) {
      if (this.#output.full) yield
      const branch = frame.branches[frame.next++]
      if (branch === undefined) {
        open.pop()
        if (open.length > 0) this.#output.put(']}')
        continue
      }
      this.#output.put(frame.next > 1 ? `,${branch.text}` : branch.text)
      if (branch.cut) this.#output.put(',"truncated":true')
      this.#output.put(branch.children === undefined ? '}' : ',"children":[')
      if (branch.children !== undefined) open.push({ branches: branch.children, next: 0 })
    }
  }

  *#frame(directory: WalkedDirectory): Generator<void, OpenDirectory> {
    return { directory, items: yield* this.#sorted(directory), next: 0 }
  }

  /**
   * Returns the entries that the rules admit, sorted by name. At most as many as a whole listing has are kept, so the
   * directory may be of any size; of a larger one those read first are sorted, and the listing is truncated.
   */
  *#sorted(directory: WalkedDirectory): Generator<void, Item[]> {
    const kept: Item[] = []
    let room = Math.max(this.#job.cap, MOST_SORTED) + (this.#job.offset ?? 0) - this.#count
    for (const item of this.#ground.enter(directory)) {
      if (this.#ground.tired) yield
      if (!this.#ground.admits(directory, item)) continue
      const shown = this.#shows(directory, item)
      if (!shown && item.kind !== 'directory') continue
      kept.push(item)
      if (shown && --room < 0) break
    }
    return kept.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  }

  /** Returns whether the request's filters keep an entry; a tree keeps its directories (protocol.md#files). */
  #shows(directory: WalkedDirectory, item: Item): boolean {
    const { codeOnly, pathPart, extensions } = this.#job.filter
    if (item.kind === 'directory' && this.#job.shape === 'tree') return true
    if (codeOnly || extensions.length > 0) {
      if (item.kind === 'directory') return false
      if (codeOnly && !isCodeFile(item.name)) return false
      if (extensions.length > 0 && !endsIn(item.name, extensions)) return false
    }
    return pathPart === '' || folded(below(directory, item).path).includes(pathPart)
  }

  #skips(): boolean {
    if (this.#skipped >= (this.#job.offset ?? 0)) return false
    this.#skipped++
    return true
  }

  #full(): boolean {
    if (this.#count < this.#job.cap) return false
    this.#truncated = true
    return true
  }

  #enterable(directory: WalkedDirectory, item: Item): WalkedDirectory | undefined {
    if (item.kind !== 'directory') return undefined
    if (directory.depth + 1 < this.#job.maxDepth) return this.#ground.descend(directory, item)
    this.#depthLimited = true
    return undefined
  }

  #put(text: string, end: string): void {
    this.#count++
    if (this.#job.shape === 'lines') this.#output.put(`${text}${end}\n`)
    else this.#output.put(this.#first ? text + end : `,${text}${end}`)
    this.#first = false
  }

  /** True if an entry needs nothing but its name and type. */
  #quick(): boolean {
    return this.#job.light && !this.#job.hash && !this.#job.content
  }

  #light(directory: WalkedDirectory, item: Item, inside: string): string {
    const head = entryHead(item, inside, this.#ground.bytesOf(directory, item))
    return this.#job.extensions ? head + extensionPart(item) : head
  }

  /** Returns the entry without its closing brace; undefined if it has gone meanwhile. */
  *#entry(directory: WalkedDirectory, item: Item, inside: string): Generator<void, string | undefined> {
    const location = below(directory, item)
    let text = this.#light(directory, item, inside)
    if (!this.#job.light) {
      const part = this.#statPart(item, location)
      if (part === undefined) return undefined
      text += part
    }
    if (item.kind !== 'file' || (!this.#job.content && !this.#job.hash)) return text
    if (this.#ground.isPseudo(directory)) return `${text},"content_skipped":"pseudo_filesystem"`
    if (this.#job.content) text += this.#contentPart(directory, location)
    if (this.#job.hash) text += yield* this.#hashPart(directory, location)
    return text
  }

  #statPart(item: Item, location: Location): string | undefined {
    try {
      const stats = lstatSync(location.raw ?? location.path, { throwIfNoEntry: false })
      return stats === undefined ? undefined : statPart(item, stats.size, stats.mtimeMs)
    } catch {
      this.#ground.complain(location.path)
      return ''
    }
  }

  #contentPart(directory: WalkedDirectory, location: Location): string {
    const content = readContent(location.raw ?? location.path, this.#budget, this.#ground.refusesIn(directory))
    if (typeof content === 'string') {
      if (content === 'unreadable') this.#ground.complain(location.path)
      return `,"content_skipped":"${content}"`
    }
    this.#budget -= content.byteLength
    return contentPart(content)
  }

  *#hashPart(directory: WalkedDirectory, location: Location): Generator<void, string> {
    const refuses = this.#ground.refusesIn(directory)
    try {
      return `,"hash":"${yield* hashSteps(location.raw ?? location.path, { refuses })}"`
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') this.#ground.complain(location.path)
      return ''
    }
  }
}

/** Returns the directory's path and a slash, escaped for the inside of a JSON string. */
function insideOf(directory: WalkedDirectory): string {
  return quickInside(directory.path === '/' ? '/' : `${directory.path}/`)
}

/** Returns whether the name ends in one of the extensions: its last one, or several together (`.d.ts`). */
function endsIn(name: string, extensions: readonly string[]): boolean {
  const last = folded(extensionOf(name))
  if (last === '') return false
  const whole = folded(name)
  return extensions.some((one) => one === last || (whole.endsWith(one) && whole.length > one.length))
}
