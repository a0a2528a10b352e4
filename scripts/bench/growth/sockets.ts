// Sockets that are open and silent: the daemon's memory with them, and a request beside them. All of its memory, since
// they add nothing at first and then 12 MiB at once: V8 doubles its young generation when so much stays alive.

import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { median, type Bench } from '../figure.ts'
import { requestText } from '../load.ts'
import { openLoad } from '../load-process.ts'
import { AUTHORIZATION, memoryOf, openSubject } from '../subject.ts'
import type { Growth, Point } from './cost.ts'

const SIZES = [1, 100, 1000]
const ROUND_MS = 2000
const QUICK_MS = 300
const SETTLE_MS = 1500
const UPGRADE = {
  ...AUTHORIZATION,
  upgrade: 'websocket',
  connection: 'Upgrade',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'MDEyMzQ1Njc4OWFiY2RlZg==',
}

export async function socketGrowth({ quick }: Bench): Promise<Growth[]> {
  const memory: Point[] = []
  const requests: Point[] = []
  for (const size of SIZES) {
    await using subject = await openSubject()
    await using load = await openLoad()
    const request = requestText('GET', '/files/stat?path=%2F', AUTHORIZATION)
    const stat = () => load.run({ port: subject.port, request, connections: 1, ms: quick ? QUICK_MS : ROUND_MS })
    await stat()
    await sleep(SETTLE_MS)
    const sockets: Socket[] = []
    try {
      for (let i = 0; i < size; i++) sockets.push(await openSilent(subject.port))
      await sleep(SETTLE_MS)
      memory.push({ size, cost: memoryOf(subject.pid, 'status', 'RssAnon') })
      requests.push({ size, cost: median((await stat()).latencies) })
    } finally {
      for (const socket of sockets) socket.destroy()
    }
  }
  return [
    { what: 'idle sockets on /ws, anonymous memory of the daemon', unit: 'MiB', points: memory },
    { what: 'idle sockets on /ws, p50 of GET /files/stat', unit: 'ms', points: requests },
  ]
}

/** Opens a socket that is upgraded and never sends a frame. */
async function openSilent(port: number): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', reject).once('data', (chunk: Buffer) => {
    if (chunk.toString('latin1').startsWith('HTTP/1.1 101')) resolve()
    else reject(new Error(chunk.toString('latin1', 0, 200)))
  })
  socket.write(requestText('GET', '/ws?mode=shared', UPGRADE))
  await promise
  return socket.on('data', () => undefined)
}
