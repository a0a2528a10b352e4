// A recording as it is stored: `shapes` holds status, codes, field names and values, `words` the sentences that people
// read, each by its place. What an exchange says that an earlier one has said is stored as a reference to it. Pure but
// for the two functions that read and write the files.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Json } from './masks.ts'

/** By area, then by the name of the exchange. */
export type Recording = Readonly<Record<string, Readonly<Record<string, Json>>>>

export interface Snapshot {
  readonly shapes: Recording
  readonly words: Recording
}

export type Kind = keyof Snapshot

/** Fields whose text is for people. */
const SENTENCES =
  /^(error|message|error_message|description|summary|title|instructions|text_for_models|note|notice|hint|advice|www-authenticate)$/
const WORD = '<words>'

/** A value of this length in JSON is stored once: within an exchange, and within the whole recording. */
const REPEATED = { exchange: 40, recording: 600 } as const

const FOLDER = join(import.meta.dirname, 'snapshots')

export function snapshotOf(recording: Recording): Snapshot {
  const known = new Map<string, string>()
  const shapes: Record<string, Record<string, Json>> = {}
  const words: Record<string, Record<string, Json>> = {}
  for (const [area, exchanges] of Object.entries(recording)) {
    shapes[area] = {}
    words[area] = {}
    for (const [name, exchange] of Object.entries(exchanges)) {
      const said: Record<string, string> = {}
      shapes[area][name] = split(once(exchange, `${area}: ${name}`, known), '', said)
      if (Object.keys(said).length > 0) words[area][name] = said
    }
  }
  return { shapes, words }
}

/** With references in place of what was there before: at another door of the exchange, or in another exchange. */
function once(exchange: Json, name: string, recording: Map<string, string>): Json {
  const here = new Map<string, string>()
  const doorOf = (place: string): string | undefined => place.split('/', 2)[1]
  const walk = (value: Json, place: string): Json => {
    if (typeof value !== 'object' || value === null) return value
    const text = JSON.stringify(value)
    const before = here.get(text)
    if (before !== undefined && doorOf(before) !== doorOf(place)) return `= ${before}`
    const elsewhere = recording.get(text)
    if (elsewhere !== undefined) return `= ${elsewhere}`
    if (before === undefined && text.length >= REPEATED.exchange) here.set(text, place)
    if (text.length >= REPEATED.recording) recording.set(text, `${name} ${place}`)
    const names = Array.isArray(value) ? namesOf(value) : undefined
    if (Array.isArray(value) && names === undefined) return value.map((item, n) => walk(item as Json, `${place}/${n}`))
    const entries = Object.entries(value).map(([key, item]) => [names?.[Number(key)] ?? key, item] as const)
    const walked = Object.fromEntries(entries.map(([key, item]) => [key, walk(item as Json, `${place}/${key}`)]))
    return names === undefined ? walked : { '(order)': names, ...walked }
  }
  return walk(exchange, '')
}

/** Of a list whose members have names, tools or parameters: stored by name, so that a new one moves no other. */
function namesOf(list: readonly unknown[]): string[] | undefined {
  const names = list.flatMap((item) =>
    typeof item === 'object' && item !== null && 'name' in item && typeof item.name === 'string' ? [item.name] : [],
  )
  return names.length > 0 && new Set(names).size === list.length ? names : undefined
}

/** The value without its sentences, which go to `said` by their place. */
function split(value: Json, place: string, said: Record<string, string>): Json {
  if (Array.isArray(value)) return value.map((item, index) => split(item as Json, `${place}/${index}`, said))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value as Readonly<Record<string, Json>>)
  return Object.fromEntries(
    entries.map(([key, item]) => {
      const at = `${place}/${key}`
      if (typeof item !== 'string' || !isSentence(key, item)) return [key, split(item, at, said)]
      said[at] = item
      return [key, WORD]
    }),
  )
}

/** A text in Markdown is for people, in any field; a reference is not. */
function isSentence(key: string, text: string): boolean {
  return (SENTENCES.test(key) && !text.startsWith('= ')) || (key === 'text' && text.startsWith('# '))
}

/** What differs: where, what is stored, what came. */
export function differences(stored: Recording, came: Recording): string[] {
  const lines: string[] = []
  const compare = (a: Json | undefined, b: Json | undefined, place: string, separator: string): void => {
    if (isTree(a) && isTree(b) && Array.isArray(a) === Array.isArray(b)) {
      for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
        compare(a[key], b[key], `${place}${separator}${key}`, separator === '' ? ': ' : separator === ': ' ? ' /' : '/')
      }
    } else if (JSON.stringify(a) !== JSON.stringify(b)) lines.push(`${place}\n    - ${shown(a)}\n    + ${shown(b)}`)
  }
  // In the order of their keys, as they are stored.
  compare(sorted(stored), sorted(came), '', '')
  return lines
}

function isTree(value: Json | undefined): value is Readonly<Record<string, Json>> {
  return typeof value === 'object' && value !== null
}

function shown(value: Json | undefined): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length <= 300 ? text : `${text.slice(0, 300)}… (${text.length} characters)`
}

export function readSnapshot(kind: Kind): Recording {
  const folder = join(FOLDER, kind)
  const names = existsSync(folder) ? readdirSync(folder) : []
  const read = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Recording[string] // our own
  return Object.fromEntries(names.map((name) => [name.replace(/\.json$/, ''), read(name)]))
}

export function writeSnapshot(kind: Kind, recording: Recording): void {
  const folder = join(FOLDER, kind)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const [area, exchanges] of Object.entries(recording)) {
    writeFileSync(join(folder, `${area}.json`), `${JSON.stringify(sorted(exchanges), null, 1)}\n`)
  }
}

/** With the keys of every object in order. */
function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map((item) => sorted(item as Json))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]))
}
