// Terminals at full speed beside each other: seconds until all of N have given 50 MB each over one socket.

import { timed, type Bench } from '../figure.ts'
import { openSubject } from '../subject.ts'
import { openTerminalStream } from '../terminal-stream.ts'
import { costOf, type Growth, type Point } from './cost.ts'

const SIZES = [1, 2, 5, 10]
const BYTES = 50_000_000
const QUICK_BYTES = 2_000_000
const ROUNDS = 2

export async function terminalGrowth({ quick }: Bench): Promise<Growth[]> {
  await using subject = await openSubject()
  using stream = await openTerminalStream(subject.port)
  const bytes = quick ? QUICK_BYTES : BYTES
  const cmd = ['sh', '-c', `stty raw -echo; exec head -c ${bytes} /dev/zero`]
  const one = async (): Promise<void> => {
    const { id } = JSON.parse(await subject.call('POST', '/terminals', { cmd })) as { id: string } // the daemon's own
    const code = await stream.exit(id)
    if (code !== 0) throw new Error(`a terminal ended with ${code}`)
    await subject.call('DELETE', `/terminals/${id}`)
  }
  const points: Point[] = []
  for (const size of SIZES) {
    const cost = await costOf(ROUNDS, async () => {
      const before = stream.bytes()
      const ms = await timed(() => Promise.all(Array.from({ length: size }, one)))
      const came = stream.bytes() - before
      if (came !== size * bytes) throw new Error(`${came} of ${size * bytes} bytes came`)
      return ms
    })
    points.push({ size, cost })
  }
  return [{ what: `terminals at full speed, until each gave ${bytes / 1e6} MB`, unit: 'ms', points }]
}
