// The paths that are no routes of the catalogue: a request there goes to another protocol (/mcp, /ws), to an
// application (/proxy), or is refused (/desktop, which this release does not have). One table says how each of them
// differs from REST, which every other path is; the composition of the daemon gives their handlers. Pure, but for the
// types of the handlers.

import type { Exchange } from './rest.ts'
import type { UpgradeRoute } from './upgrade.ts'

export interface Entry {
  /** Path of the entry; undefined: REST. */
  readonly path: EntryPath | undefined
  /** True if all paths below this one belong to it as well. */
  readonly below?: true
  /** True if it is not served below /runtimes/<id> (protocol.md#targets). */
  readonly rootOnly?: true
  /**
   * True if an application answers. It judges Origin and answers OAuth probes, `Expect` and preflights with a
   * credential itself; beside an Authorization header `?token=` is its parameter (protocol.md#auth).
   */
  readonly application?: true
  /** True if a page of a foreign origin may not even read (protocol.md#origins). */
  readonly closedToPages?: true
  /** True if GET of the path itself reads `?token=`: a browser opens a page by its address alone (protocol.md#auth). */
  readonly page?: true
  /**
   * True if an answer whose head is sent may still be a call: a long one becomes a stream. So a withdrawn credential
   * cuts it after the grace of a call, and not at once as a stream of REST.
   */
  readonly streamsCalls?: true
}

export type EntryPath = '/mcp' | '/ws' | '/proxy' | '/desktop'

/** Answers requests of an entry; a plain request to an entry that only takes upgrades gets 426. */
export interface EntryHandler {
  readonly answer?: (exchange: Exchange) => Promise<void>
  readonly upgrade?: UpgradeRoute
}

/** Handlers by path; an entry without one is not served. */
export type EntryHandlers = Readonly<Partial<Record<EntryPath, EntryHandler>>>

const REST: Entry = { path: undefined }

const ENTRIES: Readonly<Record<EntryPath, Entry>> = {
  '/mcp': { path: '/mcp', closedToPages: true, streamsCalls: true },
  '/ws': { path: '/ws' },
  '/proxy': { path: '/proxy', below: true, application: true },
  '/desktop': { path: '/desktop', below: true, rootOnly: true, page: true },
}

const BY_PATH: ReadonlyMap<string, Entry> = new Map(Object.entries(ENTRIES))

/** Returns the entry of a path at the root or below /runtimes/<id>; `path` has no query and keeps its escapes. */
export function entryOf(path: string): Entry {
  const local = path.startsWith('/runtimes/') ? path.slice(endOfSegment(path, '/runtimes/'.length)) : path
  const end = endOfSegment(local, 1)
  const entry = BY_PATH.get(end === local.length ? local : local.slice(0, end))
  return entry === undefined || (end < local.length && entry.below !== true) ? REST : entry
}

function endOfSegment(path: string, from: number): number {
  const slash = path.indexOf('/', from)
  return slash < 0 ? path.length : slash
}

/**
 * True if clients of this path show JSON-RPC errors alone: those of /mcp here and on other runtimes, of an MCP server
 * behind the proxy, and those that were given a wrong prefix.
 */
export function speaksMcp(path: string): boolean {
  return path.endsWith('/mcp')
}
