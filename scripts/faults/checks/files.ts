// Each file is an atomic register: there is one order of all writes and reads, in agreement with their times, in
// which every read finds the write before it. A write that was acknowledged takes its place between question and
// answer, one without an answer at some time after the question or never, and a refused one never. Since
// no two writes have the same content, the zones of Gibbons and Korach ("Testing Shared Memories", 1997) decide it.

import { ofType, type HistoryEvent, type ReadEvent, type WriteEvent } from '../history.ts'
import { violation, type Violation } from './violation.ts'

const wrong = violation('file')

/** One value: from the end of the first operation with it to the beginning of the last one. */
interface Zone {
  readonly name: string
  firstEnd: number
  lastBegin: number
}

export function checkFiles(events: readonly HistoryEvent[]): Violation[] {
  const writes = Map.groupBy(ofType(events, 'write'), ({ file }) => file)
  const reads = Map.groupBy(ofType(events, 'read'), ({ file }) => file)
  const sizes = ofType(events, 'write')
    .filter(({ size, bytes }) => size !== undefined && size !== bytes)
    .map(({ file, bytes, size }) => wrong(`${file}: a write of ${bytes} bytes was answered with size ${size}`))
  const files = new Set([...writes.keys(), ...reads.keys()])
  return [...sizes, ...[...files].flatMap((file) => checkFile(file, writes.get(file) ?? [], reads.get(file) ?? []))]
}

function checkFile(file: string, writes: readonly WriteEvent[], reads: readonly ReadEvent[]): Violation[] {
  const found: Violation[] = []
  const zones = new Map<string | null, Zone>([[null, { name: 'no file', firstEnd: -1, lastBegin: -1 }]])
  const bySum = new Map(writes.map((write) => [write.sha256, write]))
  for (const write of writes) {
    if (write.outcome === 'acknowledged') zones.set(write.sha256, zoneOf(write, write.end))
  }
  for (const read of reads) {
    const write = read.sha256 === null ? undefined : bySum.get(read.sha256)
    const what = `${read.client} read ${file} at ${time(read.begin)}`
    if (write === undefined && read.sha256 !== null)
      found.push(wrong(`${what}: a content that no client wrote, a mixture`))
    else if (write?.outcome === 'refused') found.push(wrong(`${what}: ${named(write)}, which was refused`))
    else if (write !== undefined && read.end < write.begin)
      found.push(wrong(`${what}: ${named(write)}, before it was sent`))
    else enter(zones, read, write)
  }
  return [...found, ...overlaps(file, [...zones.values()])]
}

function enter(zones: Map<string | null, Zone>, read: ReadEvent, write: WriteEvent | undefined): void {
  const zone = zones.get(read.sha256) ?? (write === undefined ? undefined : zoneOf(write, Infinity))
  if (zone === undefined) return
  zone.firstEnd = Math.min(zone.firstEnd, read.end)
  zone.lastBegin = Math.max(zone.lastBegin, read.begin)
  zones.set(read.sha256, zone)
}

const zoneOf = (write: WriteEvent, end: number): Zone => ({
  name: named(write),
  firstEnd: end,
  lastBegin: write.begin,
})

/**
 * A value whose zone runs forward was the only one throughout it. So no two of these overlap, and no other value
 * has all of its operations within one.
 */
function overlaps(file: string, zones: readonly Zone[]): Violation[] {
  const found: Violation[] = []
  const forward = zones.filter((zone) => zone.firstEnd < zone.lastBegin)
  forward.sort((a, b) => a.firstEnd - b.firstEnd)
  let longest: Zone | undefined
  for (const zone of forward) {
    if (longest !== undefined && zone.firstEnd < longest.lastBegin) found.push(wrong(`${file}: ${both(longest, zone)}`))
    if (longest === undefined || zone.lastBegin > longest.lastBegin) longest = zone
  }
  for (const zone of zones) {
    if (zone.firstEnd < zone.lastBegin) continue
    const around = forward.find((other) => other.firstEnd < zone.lastBegin && zone.firstEnd < other.lastBegin)
    if (around !== undefined) found.push(wrong(`${file}: ${both(around, zone)}`))
  }
  return found
}

const both = (standing: Zone, other: Zone): string =>
  `${standing.name} stood from ${time(standing.firstEnd)} to ${time(standing.lastBegin)}, and yet ${other.name} came between (${time(other.firstEnd)}, ${time(other.lastBegin)})`

const named = ({ client, door, begin, sha256, outcome }: WriteEvent): string =>
  `the write of ${client} by ${door} at ${time(begin)} (${outcome}, ${sha256.slice(0, 8)})`

const time = (ms: number): string => `${(ms / 1000).toFixed(3)} s`
