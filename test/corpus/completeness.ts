// Does the corpus hold every operation, route, tool, method and frame, with a success and a failure of each? What it
// lacks is named; what it need not have stands here with the reason. Pure.

import { catalog } from '../../src/catalog.ts'
import type { Recording } from './snapshot.ts'

const NO_INPUT = 'takes no input: it is refused for its credential alone, which the tables of the area access hold'

/** By what `gaps` would say. */
export const EXCEPTIONS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      'exec_list',
      'exec_delete_all',
      'terminal_list',
      'watcher_list',
      'health_detail',
      'metrics',
      'runtime_targets',
      'port_list',
      'desktop_status',
      'openapi',
      'schema_list',
    ].map((op) => [`${op} has no failure over rest`, NO_INPUT]),
  ),
  'search_init has no failure over rest': 'its routes settle its only field themselves',
  'the server frame watcher overflow is missing':
    'the kernel drops events under a flood alone; watcher tests provoke it',
}

/** Tools that only a credential refuses, in every dialect. */
const NO_ARGUMENTS = new Set(['exec_list', 'exec_delete_all', 'terminal_list', 'watcher_list'])

const DIALECTS = ['bare', 'legacy', 'modern'] as const
const SERVER_FRAMES = [
  'terminal replay',
  'terminal gap',
  'terminal exit',
  'error',
  'watcher ready',
  'watcher change',
  'watcher overflow',
]
const CLIENT_FRAMES = ['input', 'resize', 'close', 'ack']

interface Entry {
  readonly ask?: {
    readonly op?: string
    readonly http?: string
    readonly method?: string
    readonly sent?: readonly unknown[]
  }
  readonly frames?: readonly { readonly channel?: string; readonly type?: string }[]
  readonly [door: string]: unknown
}

/** A sentence for each thing that is neither there nor excepted, and for each exception that is none. */
export function gaps(recording: Recording): string[] {
  const entries = Object.values(recording).flatMap((area) => Object.values(area)) as unknown as Entry[] // our own making
  const missing = [...operationGaps(entries), ...methodGaps(entries), ...frameGaps(entries)]
  const idle = Object.keys(EXCEPTIONS).filter((exception) => !missing.includes(exception))
  return [
    ...missing.filter((gap) => !Object.hasOwn(EXCEPTIONS, gap)),
    ...idle.map((one) => `needless exception: ${one}`),
  ]
}

function operationGaps(entries: readonly Entry[]): string[] {
  const operations = [
    ...catalog.map(({ name, routes, tool }) => ({ name, routes, tool: tool !== undefined })),
    ...['openapi', 'schema_list', 'schema_get'].map((name) => ({ name, routes: [], tool: false })),
  ]
  return operations.flatMap(({ name, routes, tool }) => {
    const mine = entries.filter(({ ask }) => ask?.op === name)
    const doors = ['rest', ...(tool ? DIALECTS : [])]
    const outcomes = doors.flatMap((door) => [
      ...(mine.some((entry) => succeeded(entry, door) === true) ? [] : [`${name} has no success over ${door}`]),
      ...(mine.some((entry) => succeeded(entry, door) === false) || (door !== 'rest' && NO_ARGUMENTS.has(name))
        ? []
        : [`${name} has no failure over ${door}`]),
    ])
    const unasked = routes.filter(
      ({ method, path }) => !mine.some(({ ask }) => ask?.http?.startsWith(`${method} ${path}`)),
    )
    return [...outcomes, ...unasked.map(({ method, path }) => `the route ${method} ${path} is missing`)]
  })
}

/** Undefined where the door was not asked. */
function succeeded(entry: Entry, door: string): boolean | undefined {
  const answer = entry[door] as
    { status: number; body?: { error?: unknown; result?: { isError?: boolean } } } | undefined
  if (answer === undefined) return undefined
  return (
    answer.status < 400 &&
    (door === 'rest' || (answer.body?.error === undefined && answer.body?.result?.isError !== true))
  )
}

/** Each method answers with a result in some dialect and refuses in another, or refuses other parameters. */
function methodGaps(entries: readonly Entry[]): string[] {
  const asked = entries.filter(({ ask, bare }) => ask?.method !== undefined && bare !== undefined)
  const methods = [
    'initialize',
    'ping',
    'server/discover',
    'tools/list',
    'tools/call',
    'prompts/list',
    'prompts/get',
    'resources/list',
    'resources/templates/list',
    'resources/read',
    'completion/complete',
    'logging/setLevel',
    'subscriptions/listen',
  ]
  return methods.flatMap((method) => {
    const mine = asked.filter(({ ask }) => ask?.method === method)
    const outcomes = mine.flatMap((entry) => DIALECTS.map((dialect) => succeeded(entry, dialect)))
    // A call that succeeds is in the areas of the operations; a subscription that is granted is a stream of its own.
    const elsewhere = method === 'tools/call' || method === 'subscriptions/listen'
    return [
      ...(outcomes.includes(true) || elsewhere ? [] : [`${method} has no success`]),
      ...(outcomes.includes(false) ? [] : [`${method} has no failure`]),
    ]
  })
}

function frameGaps(entries: readonly Entry[]): string[] {
  const nameOf = ({ channel, type }: { channel?: string; type?: string }): string =>
    channel === 'error' ? 'error' : `${channel} ${type}`
  const came = new Set(entries.flatMap(({ frames }) => (Array.isArray(frames) ? frames.map(nameOf) : [])))
  const server = SERVER_FRAMES.filter((frame) => !came.has(frame)).map(
    (frame) => `the server frame ${frame} is missing`,
  )
  const client = CLIENT_FRAMES.flatMap((type) => {
    const mine = entries.filter(({ ask }) => ask?.sent?.some((frame) => typeOf(frame) === type))
    const refused = (entry: Entry): boolean => entry.frames?.some(({ channel }) => channel === 'error') ?? false
    return [
      ...(mine.some((entry) => !refused(entry)) ? [] : [`the client frame ${type} has no success`]),
      ...(mine.some(refused) ? [] : [`the client frame ${type} has no failure`]),
    ]
  })
  return [...server, ...client]
}

function typeOf(frame: unknown): unknown {
  const text = typeof frame === 'string' ? frame : JSON.stringify(frame)
  return /"type":"(\w+)"/.exec(text)?.[1]
}
