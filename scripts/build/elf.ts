// The demands of a Linux binary on its machine, read from the file itself: its architecture, the shared libraries it
// names, and the symbol versions it needs of each. Only 64-bit little-endian ELF, which x64 and arm64 are. Layouts and
// numbers: the ELF specification, and for versions the Linux Standard Base ("verneed").

import { closeSync, openSync, readSync } from 'node:fs'
import type { Arch } from './paths.ts'

export interface Elf {
  readonly arch: Arch | undefined
  /** DT_NEEDED entries, in their order; none in a static binary. */
  readonly libraries: readonly string[]
  /** Versions, such as { library: "libc.so.6", name: "GLIBC_2.28" }. */
  readonly versions: readonly { readonly library: string; readonly name: string }[]
}

const MACHINES: Readonly<Record<number, Arch>> = { 62: 'x64', 183: 'arm64' }
const PT_LOAD = 1
const PT_DYNAMIC = 2
const DT_NEEDED = 1
const DT_STRTAB = 5
const DT_STRSZ = 10
const DT_VERNEED = 0x6ffffffe
const DT_VERNEEDNUM = 0x6fffffff

interface Segment {
  readonly type: number
  readonly offset: number
  readonly address: number
  readonly size: number
}
type Read = (offset: number, length: number) => Buffer

export function readElf(path: string): Elf {
  const file = openSync(path, 'r')
  try {
    return elfIn((offset, length) => {
      const bytes = Buffer.alloc(length)
      if (readSync(file, bytes, 0, length, offset) !== length) throw new Error(`${path} is cut short`)
      return bytes
    })
  } finally {
    closeSync(file)
  }
}

/** Returns the highest version of a family such as "GLIBC" among `elfs`, as "2.28"; undefined if none is needed. */
export function highestVersion(family: string, elfs: readonly Elf[]): string | undefined {
  const wanted = elfs.flatMap(({ versions }) => versions.map(({ name }) => name))
  const numbers = wanted.filter((name) => name.startsWith(`${family}_`)).map((name) => name.slice(family.length + 1))
  return numbers.toSorted(compareVersions).at(-1)
}

/** Compares number by number: 2.9 is below 2.28. */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [left, right].map((text) => text.split('.').map(Number)) as [number[], number[]] // two in, two out
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

function elfIn(read: Read): Elf {
  const head = read(0, 64)
  const magic = head.subarray(0, 6).equals(Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]))
  if (!magic) throw new Error('not a 64-bit little-endian ELF file')
  const arch = MACHINES[head.readUInt16LE(18)]
  const segments = segmentsOf(head, read)
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC)
  if (dynamic === undefined) return { arch, libraries: [], versions: [] }
  const entries = entriesOf(read(dynamic.offset, dynamic.size))
  const one = (tag: number): number | undefined => entries.find(([found]) => found === tag)?.[1]
  const text = read(offsetOf(one(DT_STRTAB) ?? 0, segments), one(DT_STRSZ) ?? 0)
  const nameAt = (at: number): string => text.toString('latin1', at, text.indexOf(0, at))
  const libraries = entries.filter(([tag]) => tag === DT_NEEDED).map(([, at]) => nameAt(at))
  const wanted = one(DT_VERNEED)
  if (wanted === undefined) return { arch, libraries, versions: [] }
  return {
    arch,
    libraries,
    versions: versionsAt(offsetOf(wanted, segments), one(DT_VERNEEDNUM) ?? 0, { read, nameAt }),
  }
}

function segmentsOf(head: Buffer, read: Read): Segment[] {
  const start = Number(head.readBigUInt64LE(32))
  const [size, count] = [head.readUInt16LE(54), head.readUInt16LE(56)]
  return Array.from({ length: count }, (_, index) => {
    const entry = read(start + index * size, size)
    const at = (position: number): number => Number(entry.readBigUInt64LE(position))
    return { type: entry.readUInt32LE(0), offset: at(8), address: at(16), size: at(32) }
  })
}

function entriesOf(dynamic: Buffer): [tag: number, value: number][] {
  return Array.from({ length: dynamic.length / 16 }, (_, index) => [
    Number(dynamic.readBigUInt64LE(index * 16)),
    Number(dynamic.readBigUInt64LE(index * 16 + 8)),
  ])
}

/** Returns the offset in the file of an address of the running program. */
function offsetOf(address: number, segments: readonly Segment[]): number {
  const inside = ({ type, address: start, size }: Segment): boolean =>
    type === PT_LOAD && address >= start && address < start + size
  const segment = segments.find(inside)
  if (segment === undefined) throw new Error(`address ${address} is in no segment`)
  return segment.offset + address - segment.address
}

/** Reads a chain of libraries, each with a chain of the versions needed of it. */
function versionsAt(
  start: number,
  count: number,
  text: { read: Read; nameAt: (at: number) => string },
): Elf['versions'] {
  const versions: { library: string; name: string }[] = []
  for (let at = start, left = count; left > 0; left--) {
    const library = text.read(at, 16)
    let aux = at + library.readUInt32LE(8)
    for (let names = library.readUInt16LE(2); names > 0; names--) {
      const version = text.read(aux, 16)
      versions.push({ library: text.nameAt(library.readUInt32LE(4)), name: text.nameAt(version.readUInt32LE(8)) })
      aux += version.readUInt32LE(12)
    }
    at += library.readUInt32LE(12)
  }
  return versions
}
