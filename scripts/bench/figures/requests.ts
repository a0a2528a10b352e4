// Figure 2: small requests a second, against bare node:http that answers the same bytes to the same request.

import { floorOf, interleaved, measured, type Bench, type Row } from '../figure.ts'
import { requestText } from '../load.ts'
import { openLoad } from '../load-process.ts'
import { end, firstLine, programPath, start } from '../processes.ts'
import { AUTHORIZATION, openSubject, ROOT, type Subject } from '../subject.ts'

const ROUNDS = 7
const ROUND_MS = 700
const CONNECTIONS = 16

const STATTED = `${ROOT}package.json`
const CALL = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'file_stat', arguments: { path: STATTED } },
})

export async function requests(bench: Bench): Promise<Row[]> {
  await using subject = await openSubject()
  const stat = `/files/stat?path=${encodeURIComponent(STATTED)}`
  return [
    await row(bench, subject, { measure: 'GET /files/stat', method: 'GET', path: stat, atLeast: 0.7 }),
    await row(bench, subject, {
      measure: 'MCP tools/call file_stat',
      method: 'POST',
      path: '/mcp',
      body: CALL,
      atLeast: 0.6,
    }),
  ]
}

interface Asked {
  readonly measure: string
  readonly method: string
  readonly path: string
  readonly body?: string
  readonly atLeast: number
}

async function row({ print }: Bench, subject: Subject, asked: Asked): Promise<Row> {
  await using echo = await openEcho(subject, asked)
  await using load = await openLoad()
  print(`${asked.measure}, ${CONNECTIONS} connections`)
  const request = requestText(asked.method, asked.path, AUTHORIZATION, asked.body)
  const perSecond = (port: number) => async () =>
    (await load.run({ port, request, connections: CONNECTIONS, ms: ROUND_MS, awake: true })).requestsPerSecond
  const samples = await interleaved(ROUNDS, { ours: perSecond(subject.port), echo: perSecond(echo.port) })
  const floor = floorOf('node:http echo', samples.echo)
  return {
    figure: '2',
    measure: asked.measure,
    ...measured(samples.ours),
    unit: '/s',
    floor,
    hold: { atLeast: asked.atLeast },
  }
}

/** Headers that Node adds by itself. */
const NODES_OWN = new Set(['date', 'connection', 'keep-alive'])

async function openEcho(subject: Subject, asked: Asked): Promise<AsyncDisposable & { readonly port: number }> {
  const answer = await fetch(`http://127.0.0.1:${subject.port}${asked.path}`, {
    method: asked.method,
    headers: { ...AUTHORIZATION, 'content-type': 'application/json' },
    ...(asked.body === undefined ? {} : { body: asked.body }),
  })
  const headers = Object.fromEntries([...answer.headers].filter(([name]) => !NODES_OWN.has(name)))
  const echoed = JSON.stringify({ headers, body: await answer.text() })
  const child = start(process.execPath, [programPath('echo.ts'), echoed], { stdio: ['ignore', 'pipe', 'inherit'] })
  return { port: Number(await firstLine(child)), [Symbol.asyncDispose]: () => end(child) }
}
