// Calls of operations with inputs between right and absurd, made from the catalogue. Harm is kept in bounds by
// construction: a call that changes something gets a path in the fuzzer's folder, a walk walks that folder, and the
// only program ever started is `true`. Each call names the fields that must stay unchanged.

import { catalog } from '../../src/catalog.ts'
import type { Operation, Route } from '../../src/operation.ts'
import { weighted, type Random } from './chance.ts'
import { anyValue, WORDS } from './mutation.ts'

export interface Call {
  readonly op: Operation
  readonly route: Route<Record<string, unknown>>
  readonly fields: Readonly<Record<string, unknown>>
  /** Fields that no mutation may touch; of a text only its beginning, up to the last slash. */
  readonly fixed: readonly string[]
}

/** Fields that name a place, and the operations for which it must be in our folder. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  file_write: ['path'],
  file_mkdir: ['path'],
  file_delete: ['path'],
  file_move: ['path', 'to'],
  file_copy: ['path', 'to'],
  file_chmod: ['path'],
  file_raw_write: ['path'],
  transfer_upload: ['dest'],
  transfer_download: ['paths'],
  file_list: ['path'],
  file_stream: ['path'],
  search_content: ['path'],
  search_files: ['path'],
  watcher_create: ['path'],
}

/** Operations that start a process or a thread, which costs a hundred times as much as the others. */
const DEAR: Readonly<Record<string, number>> = {
  exec_run: 0.3,
  terminal_create: 0.05,
  watcher_create: 0.1,
  search_content: 0.15,
  transfer_download: 0.05,
  transfer_upload: 0.1,
  // Weight 0: it takes no input, and reads a table that is as long as the fuzzer leaves connections.
  port_list: 0,
  metrics: 0.2,
}

/** Other names of `command`; they would win over it, or be taken for it. */
const COMMAND_NAMES = ['cmd', 'shell']

/** Values of fields that mean time: as short as possible, or nonsense. */
const SECONDS: Readonly<Record<string, readonly unknown[]>> = {
  wait_seconds: [0, 0.05, '0.01', -1, 'soon'],
  timeout: [1, '1', 0, -5, 'never'],
  timeout_seconds: [1, '1', -5, 'never'],
  ttl_seconds: [1, '1', 2, 'never'],
}

const OPERATIONS = catalog.map((op) => [DEAR[op.name] ?? 1, op] as const)

export interface Ground {
  /** Folder in which anything may be changed; it ends without a slash. */
  readonly ground: string
}

export function someCall(random: Random, { ground }: Ground): Call {
  const op = weighted(random, OPERATIONS)
  const route = random.pick(op.routes)
  const fields: Record<string, unknown> = {}
  const names = [...Object.keys(op.input.properties), ...Object.keys(op.aliases ?? {}), 'nonsense', '__proto__']
  for (const name of names) {
    if (random.next() < 0.55) continue
    const value = random.next() < 0.15 ? anyValue(random) : plausible(random, op, name, ground)
    Object.defineProperty(fields, name, { value, enumerable: true, configurable: true, writable: true })
  }
  return { op, route, ...inBounds(random, op, fields, ground) }
}

function inBounds(
  random: Random,
  op: Operation,
  fields: Record<string, unknown>,
  ground: string,
): Pick<Call, 'fields' | 'fixed'> {
  const places = PLACES[op.name] ?? []
  for (const name of places) fields[name] = name === 'paths' ? [placeIn(random, ground)] : placeIn(random, ground)
  for (const name of ['root', 'destination']) delete fields[name]
  for (const [name, values] of Object.entries(SECONDS)) if (name in fields) fields[name] = random.pick(values)
  if (!('command' in op.input.properties)) return { fields, fixed: places }
  for (const name of COMMAND_NAMES) delete fields[name]
  delete fields['cwd']
  return { fields: { ...fields, command: ['true'], ttl_seconds: 1 }, fixed: ['command'] }
}

/** Few names, so that calls meet each other's files. */
const NAMES = ['a', 'b', 'c', 'd', 'a/b', 'b/c', 'é', 'x y', '.gitignore', 'a.ts', '-n', '%41', 'n'.repeat(255)]

function placeIn(random: Random, ground: string): string {
  return `${ground}/${random.next() < 0.15 ? `w${random.pick(WORDS).replaceAll('..', '_')}` : random.pick(NAMES)}`
}

function plausible(random: Random, op: Operation, name: string, ground: string): unknown {
  const schema = (op.input.properties as Readonly<Record<string, PlainSchema | undefined>>)[name]
  if (name === 'path' || name === 'to') return placeIn(random, ground)
  if (name === 'id' || name.endsWith('_id')) return random.next() < 0.5 ? random.below(20) : String(random.below(300))
  if (name === 'mode' || name === 'directory_mode') return random.pick(['0644', '755', '0000', '1777', '8'])
  if (schema?.enum !== undefined) return random.pick(schema.enum)
  if (schema?.type === 'boolean') return random.pick([true, false, 'true', '0'])
  if (schema?.type === 'integer' || schema?.type === 'number') return random.pick([0, 1, 7, 80, 300, '12', 1.5])
  if (schema?.type === 'array') return random.pick([[random.pick(WORDS)], ['*.ts', 'b'], 'ts,js', []])
  if (schema?.type === 'object') return random.pick([{ A: 'b' }, {}, { A: random.pick(WORDS) }])
  return random.pick(['a', 'text\nof two lines\n', 'YWJj', 'utf8', 'bytes 0-3/4', '"*"', '*', random.pick(WORDS)])
}

interface PlainSchema {
  readonly type?: string
  readonly enum?: readonly unknown[]
}

/** Returns the call as the body of a request, and the parts that are kept. */
export function asJson(call: Call): { text: string; kept: string[] } {
  const kept = call.fixed.map((name) => {
    const field = `${JSON.stringify(name)}:${JSON.stringify(call.fields[name])}`
    return name === 'command' ? field : field.slice(0, field.lastIndexOf('/') + 1)
  })
  return { text: JSON.stringify(call.fields), kept }
}

/** Returns the call as a query, and the parts that are kept. */
export function asQuery(call: Call): { text: string; kept: string[] } {
  const pairs = Object.entries(call.fields).flatMap(([key, value]): [string, string][] =>
    (Array.isArray(value) ? value : [value]).map((one) => [
      key,
      typeof one === 'string' ? one.toWellFormed() : String(JSON.stringify(one)),
    ]),
  )
  const kept = call.fixed.map((name) => {
    const value = call.fields[name]
    const text = encodeURIComponent(String(Array.isArray(value) ? value[0] : value).toWellFormed())
    // Kept with the characters before it: otherwise another key's text could be its end.
    return `&${name}=${name === 'command' ? text : text.slice(0, text.lastIndexOf('%2F') + 3)}`
  })
  return { text: pairs.map(([key, value]) => `&${key}=${encodeURIComponent(value)}`).join(''), kept }
}
