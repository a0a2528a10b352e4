// Choices of a caller for its own connection (protocol.md#choices): the result format, the longest result, and the
// tools it sees. They come by header or query: `X-MCP-Format`, `X-MCP-Max-Result-Bytes`, `X-MCP-Toolsets`,
// `X-MCP-Readonly`, or `?format=`, `?max_result_bytes=`, `?toolsets=`, `?readonly=`. If both are given, both apply. A
// choice only narrows what the credential allows. Pure.

import type { IncomingHttpHeaders } from 'node:http'
import { nearest } from '../../../base/nearest.ts'
import { DEFAULT_SET, setOf, type Operation } from '../../../operation.ts'
import { LEAST_RESULT_BYTES, MOST_RESULT_BYTES } from './budget.ts'

export interface Choices {
  readonly format: 'json' | 'text'
  /** Lists of toolsets; a tool's set must be in each. No list: the toolsets that the daemon was started with. */
  readonly toolsets: readonly (readonly string[])[]
  readonly readOnly: boolean
  /** Longest serialized result, in bytes; undefined: the usual budget. */
  readonly maxResultBytes?: number
}

export const NO_CHOICES: Choices = { format: 'json', toolsets: [], readOnly: false }

/** Returns the choices, or a sentence that refuses them: a typing error must not select fewer or other tools. */
export function readChoices(
  headers: IncomingHttpHeaders,
  query: URLSearchParams,
  known: readonly string[],
): Choices | string {
  const said = (header: string, key: string): string[] =>
    [headers[header], ...query.getAll(key)].filter((value) => typeof value === 'string').map((value) => value.trim())
  const formats = said('x-mcp-format', 'format')
  const toolsets = said('x-mcp-toolsets', 'toolsets').map(namesIn)
  const readOnly = said('x-mcp-readonly', 'readonly')
  const bytes = said('x-mcp-max-result-bytes', 'max_result_bytes')
  return (
    wrong('result format', formats, ['json', 'text']) ??
    wrong('toolset', toolsets.flat(), [DEFAULT_SET, ...known]) ??
    wrong('value of readonly', readOnly, ['true', 'false', '1', '0', '']) ??
    wrongBytes(bytes) ?? {
      format: formats[0] === 'text' ? 'text' : 'json',
      toolsets,
      readOnly: readOnly.some((value) => value !== 'false' && value !== '0'),
      ...(bytes.length > 0 && { maxResultBytes: Math.min(...bytes.map(Number)) }),
    }
  )
}

function wrongBytes(came: readonly string[]): string | undefined {
  const fits = (bytes: number): boolean => bytes >= LEAST_RESULT_BYTES && bytes <= MOST_RESULT_BYTES
  const strange = came.find((value) => !/^\d{1,9}$/.test(value) || !fits(Number(value)))
  if (strange === undefined) return undefined
  const shown = JSON.stringify(strange.slice(0, 100))
  return `max_result_bytes is ${shown}; accepted is an integer from ${LEAST_RESULT_BYTES} to ${MOST_RESULT_BYTES}`
}

function namesIn(value: string): string[] {
  return value
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

function wrong(what: string, came: readonly string[], accepted: readonly string[]): string | undefined {
  const strange = came.find((value) => !accepted.includes(value))
  if (strange === undefined) return undefined
  const close = nearest(strange, accepted)
  const hint = close === undefined ? '' : `; did you mean ${JSON.stringify(close)}?`
  const names = accepted.filter((name) => name !== '').join(', ')
  return `there is no ${what} ${JSON.stringify(strange.slice(0, 100))}; accepted are ${names}${hint}`
}

/** True if the choices leave the tool in. `usual`: the sets of a caller that names none. */
export function chosen(op: Operation, choices: Choices, usual: readonly string[] = [DEFAULT_SET]): boolean {
  if (choices.readOnly && op.tool?.hints.readOnly !== true) return false
  const set = setOf(op)
  const lists = choices.toolsets.length === 0 ? [usual] : choices.toolsets
  const byDefault = op.tool?.toolset === undefined
  return lists.every((names) => names.includes(set) || (byDefault && names.includes(DEFAULT_SET)))
}
