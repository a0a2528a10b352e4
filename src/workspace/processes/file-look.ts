// Looks once at a file that a start depends on: what kind it is, whether it may be executed, what runs it. `lookNow`
// asks on the calling thread, for files that answer at once; `lookLater` asks on a thread of Node's, for files on a
// file system that may never answer.

import { accessSync, closeSync, constants, fstatSync, openSync, readSync, statSync, type Stats } from 'node:fs'
import { access, open, stat } from 'node:fs/promises'
import { errnoOf } from '../../base/fault.ts'

/** A question about a file. `touched`: the kernel itself goes there when the program is started. */
export interface FileQuestion {
  readonly path: string
  readonly about: 'kind' | 'interpreter'
  readonly touched: boolean
  /** Name for people: "PATH folder". */
  readonly role: string
}

export interface FileAnswer {
  /** Error name if the look failed. */
  readonly errno: string | undefined
  readonly kind: 'file' | 'directory' | 'other'
  /** True for a file that may be executed, or a directory that may be entered. */
  readonly usable: boolean
  /** Program that a script's #! line or a program's header names as its interpreter. */
  readonly interpreter: string | undefined
  readonly script: boolean
}

const NOTHING: FileAnswer = { errno: undefined, kind: 'other', usable: false, interpreter: undefined, script: false }

export function lookNow({ path, about }: FileQuestion): FileAnswer {
  try {
    if (about === 'interpreter') return interpreterNow(path)
    const stats = statSync(path, { throwIfNoEntry: false })
    return stats === undefined ? { ...NOTHING, errno: 'ENOENT' } : seenOf(stats, usableNow(path))
  } catch (error) {
    return { ...NOTHING, errno: errnoOf(error) ?? 'EIO' }
  }
}

export async function lookLater({ path, about }: FileQuestion): Promise<FileAnswer> {
  try {
    if (about === 'interpreter') return await interpreterLater(path)
    return seenOf(await stat(path), await usableLater(path))
  } catch (error) {
    return { ...NOTHING, errno: errnoOf(error) ?? 'EIO' }
  }
}

function usableNow(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

async function usableLater(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}

function seenOf(stats: Stats, usable: boolean): FileAnswer {
  return { ...NOTHING, kind: stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other', usable }
}

/** Bytes that the kernel reads of a program to tell what it is; most interpreters' names are in them. */
const HEAD_BYTES = 4096
/** Flags that never wait for a writer of a FIFO and never take a controlling terminal. */
const READ = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY

function interpreterNow(path: string): FileAnswer {
  const fd = openSync(path, READ)
  try {
    if (!fstatSync(fd).isFile()) return NOTHING
    const part = (at: number, length: number): Buffer => {
      const bytes = Buffer.alloc(length)
      return bytes.subarray(0, readSync(fd, bytes, 0, length, at))
    }
    const head = part(0, HEAD_BYTES)
    const place = loaderPlace(head)
    return place === undefined ? ofScript(head) : ofLoader(part(place.at, place.length))
  } finally {
    closeSync(fd)
  }
}

async function interpreterLater(path: string): Promise<FileAnswer> {
  await using file = await open(path, READ)
  if (!(await file.stat()).isFile()) return NOTHING
  const part = async (at: number, length: number): Promise<Buffer> => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at)
    return buffer.subarray(0, bytesRead)
  }
  const head = await part(0, HEAD_BYTES)
  const place = loaderPlace(head)
  return place === undefined ? ofScript(head) : ofLoader(await part(place.at, place.length))
}

/** Longest first line of a script that the kernel reads. */
const LINE_BYTES = 256

function ofScript(head: Buffer): FileAnswer {
  const [first = ''] = head
    .subarray(0, LINE_BYTES)
    .toString()
    .split(/[\n\0]/, 1)
  const interpreter = /^#![ \t]*([^ \t]+)/.exec(first)?.[1]
  return { ...NOTHING, interpreter, script: interpreter !== undefined }
}

function ofLoader(name: Buffer): FileAnswer {
  const text = name.toString().split('\0', 1)[0] ?? ''
  return text === '' ? NOTHING : { ...NOTHING, interpreter: text }
}

/** ELF, 64 bits, little-endian, as both architectures have it; elf(5). */
const ELF = { magic: 0x464c457f, tableAt: 32, entryBytes: 54, entries: 56, nameAt: 8, nameBytes: 32 } as const
const PT_INTERP = 3
const MOST_NAME_BYTES = 4096

/**
 * Returns where an ELF program names its loader; undefined for a static program and for anything else. Exported for its
 * test.
 */
export function loaderPlace(head: Buffer): { readonly at: number; readonly length: number } | undefined {
  if (head.byteLength < 64 || head.readUInt32LE(0) !== ELF.magic) return undefined
  const table = Number(head.readBigUInt64LE(ELF.tableAt))
  const size = head.readUInt16LE(ELF.entryBytes)
  for (let index = 0; index < head.readUInt16LE(ELF.entries); index++) {
    const entry = table + index * size
    if (entry + 56 > head.byteLength) return undefined
    if (head.readUInt32LE(entry) !== PT_INTERP) continue
    const at = Number(head.readBigUInt64LE(entry + ELF.nameAt))
    const length = Number(head.readBigUInt64LE(entry + ELF.nameBytes))
    return { at, length: Math.min(length, MOST_NAME_BYTES) }
  }
  return undefined
}
