// One exchange over HTTP, and its answer as a value that can be stored: status, the headers that a client acts on, and
// the body read by its media type. Pieces of a stream are joined: where they are cut depends on the load.

import { request, type IncomingHttpHeaders } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { Parser } from 'tar'
import { slowness } from '../../scripts/slowness.ts'

/** An answer that takes longer has been forgotten. */
const LAST_MS = 20_000

export interface Ask {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  // oxlint-disable-next-line typescript/no-explicit-any -- answers are of any shape; the snapshots say what they were
  readonly body: any
}

/** Headers that clients act on. `content-type` is left out where it is that of JSON. */
const HEADERS =
  /^(content-(type|range|disposition|encoding|digest)|allow|retry-after|www-authenticate|etag|last-modified|accept-ranges|location|vary|cache-control|trailer|link|upgrade|sec-.*|access-control-.*|mcp-.*|x-(?!request-id|content-type-options).*|repr-digest|set-cookie)$/

export function headersOf(headers: IncomingHttpHeaders): Record<string, string> {
  const kept = Object.entries(headers).filter(([name, value]) => HEADERS.test(name) && value !== undefined)
  const texts = Object.fromEntries(kept.map(([name, value]) => [name, String(value)]))
  if (/^application\/json\b/.test(texts['content-type'] ?? '')) delete texts['content-type']
  return texts
}

export async function ask(port: number, { method, path, headers = {}, body }: Ask): Promise<Answer> {
  const late = AbortSignal.timeout(Math.ceil(LAST_MS * slowness()))
  const sent = request({ host: '127.0.0.1', port, method, path, headers: { ...headers }, signal: late, agent: false })
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const failed = (error: Error): void =>
    reject(new Error(`${method} ${path} on ${port}: ${late.aborted ? 'no answer' : error.message}`))
  sent.on('upgrade', (response, socket) => {
    socket.destroy()
    resolve({ status: response.statusCode ?? 0, headers: headersOf(response.headers), body: '' })
  })
  sent.on('error', failed).on('response', (response) => {
    const type = response.headers['content-type'] ?? ''
    buffer(response)
      .then((bytes) => bodyOf(bytes, type))
      .then((read) => resolve({ status: response.statusCode ?? 0, headers: headersOf(response.headers), body: read }))
      .catch(failed)
  })
  sent.end(body)
  return await promise
}

async function bodyOf(bytes: Buffer, type: string): Promise<unknown> {
  const text = bytes.toString()
  if (bytes.length === 0) return ''
  if (/json\b/.test(type) && !type.includes('ndjson')) return JSON.parse(text)
  if (type.includes('ndjson')) return linesOf(text).map((line) => JSON.parse(line) as unknown)
  if (type.startsWith('text/event-stream')) return eventsOf(text)
  if (/tar|gzip|zstd/.test(type)) return await entriesOf(bytes)
  return type.includes('version=0.0.4') ? metricsOf(text) : text
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}

/** The events of a stream; neighbours that carry pieces of one output are one. */
export function eventsOf(text: string): unknown[] {
  const events: { event: string; data: unknown }[] = []
  for (const block of text.split('\n\n')) {
    const field = (name: string) => new RegExp(`^${name}: ?(.*)$`, 'm').exec(block)?.[1]
    const data = field('data')
    if (data === undefined) continue
    const event = { event: field('event') ?? 'message', data: JSON.parse(data) as Record<string, unknown> }
    const last = events.at(-1)
    const [before, after] = [outputOf(last), outputOf(event)]
    if (after === undefined) events.push(event)
    else if (last?.event === event.event && before !== undefined) last.data = { text: before + after }
    else events.push({ event: event.event, data: { text: after } })
  }
  return events
}

/** The text of an event with output, where it is one; pieces that were joined have it already. */
function outputOf(event: { event: string; data: unknown } | undefined): string | undefined {
  if (event?.event !== 'stdout' && event?.event !== 'stderr') return undefined
  const { data, text } = event.data as { data?: string; text?: string } // the events of exec
  return text ?? (data === undefined ? undefined : Buffer.from(data, 'base64').toString())
}

/** The members of an archive, in order of their names. */
async function entriesOf(bytes: Buffer): Promise<unknown[]> {
  const entries: { path: string; [fact: string]: unknown }[] = []
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const parser = new Parser({
    onReadEntry(entry) {
      const { path, type, mode, size, linkpath = '' } = entry
      entries.push({ path, type, mode: mode?.toString(8), size, ...(linkpath === '' ? {} : { linkpath }) })
      entry.resume()
    },
  })
  parser.on('end', resolve).on('error', reject)
  parser.end(bytes)
  await promise
  return entries.toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

/** Names, kinds and labels of metrics; their values are those of the machine. */
function metricsOf(text: string): unknown {
  const families: Record<string, { type?: string; description?: string; labels: string[] }> = {}
  const family = (name: string) => (families[name] ??= { labels: [] })
  for (const line of linesOf(text)) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? []
    if (kind === 'HELP') family(name).description = rest
    else if (kind === 'TYPE') family(name).type = rest
    else {
      const [, sample = '', labels = ''] = /^([\w:]+)(?:\{([^}]*)\})? /.exec(line) ?? []
      const owner = [sample, sample.replace(/_(bucket|sum|count)$/, '')].find((one) => one in families) ?? sample
      const names = [...labels.matchAll(/(\w+)="/g)].map(([, label = '']) => label)
      family(owner).labels = [...new Set([...family(owner).labels, ...names])].toSorted()
    }
  }
  return families
}
