// One event stream of a command, read to its end or to its cut.

import type { Client } from '../client.ts'
import { Segments } from '../content.ts'
import type { Gap } from '../history.ts'

export interface Sight {
  readonly status: number
  id: string | undefined
  readonly codes: number[]
  readonly out: Segments
  readonly err: Segments
  readonly gaps: { readonly out: Gap[]; readonly err: Gap[] }
  clean: boolean
  late: number
}

/** Reads one stream; undefined if the connection was refused, so that no head of an answer came. */
export async function readEvents(
  client: Client,
  method: string,
  path: string,
  json?: object,
): Promise<Sight | undefined> {
  const response = await client.open(method, path, json === undefined ? {} : { json }).catch((error: unknown) => error)
  if (response instanceof Error || !isMessage(response)) {
    const refused = response instanceof Error && 'code' in response && response.code === 'ECONNREFUSED'
    await client.think(50)
    return refused ? undefined : emptySight(0)
  }
  const sight = emptySight(response.statusCode ?? 0)
  let rest = ''
  try {
    response.setEncoding('latin1')
    for await (const chunk of response) {
      const blocks = (rest + String(chunk)).split('\n\n')
      rest = blocks.pop() ?? ''
      if (sight.status < 300) for (const block of blocks) take(sight, block)
    }
    sight.clean = true
  } catch {
    // cut: what came counts
  }
  return sight
}

function isMessage(value: unknown): value is Awaited<ReturnType<Client['open']>> {
  return typeof value === 'object' && value !== null && 'statusCode' in value
}

function emptySight(status: number): Sight {
  return {
    status,
    id: undefined,
    codes: [],
    clean: false,
    late: 0,
    out: new Segments(),
    err: new Segments(),
    gaps: { out: [], err: [] },
  }
}

function take(sight: Sight, block: string): void {
  const event = /^event: (.*)$/m.exec(block)?.[1]
  const text = /^data: (.*)$/m.exec(block)?.[1]
  if (event === undefined || text === undefined) return // a comment
  if (sight.codes.length > 0) sight.late++
  const content = JSON.parse(text) as Record<string, unknown> // as protocol.md#exec has it; the checker judges
  if (event === 'task_id') sight.id = String(content['task_id'])
  else if (event === 'exit') sight.codes.push(Number(content['exit_code']))
  else if (event === 'stdout') sight.out.add(Buffer.from(String(content['data']), 'base64'))
  else if (event === 'stderr') sight.err.add(Buffer.from(String(content['data']), 'base64'))
  else if (event === 'gap') {
    skip(sight.out, sight.gaps.out, Number(content['stdout_bytes']))
    skip(sight.err, sight.gaps.err, Number(content['stderr_bytes']))
  }
}

function skip(segments: Segments, gaps: Gap[], bytes: number): void {
  if (bytes === 0) return
  const from = segments.position
  gaps.push({ from, to: from + bytes })
  segments.moveTo(from + bytes)
}
