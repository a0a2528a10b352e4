// Figure 6, its exec part: 1 GiB of a command's stdout as server-sent events (base64, so 1.33 GiB on the wire), against
// a bare reader of the same bytes from a pipe; and the resident memory that this adds.

import { writeFileSync } from 'node:fs'
import { download } from '../download.ts'
import { floorOf, interleaved, measured, timed, type Bench, type Row } from '../figure.ts'
import { output, programPath } from '../processes.ts'
import { memoryOf, openSubject, type Subject } from '../subject.ts'

const ROUNDS = 3
const BYTES = 1024 ** 3
const MIB = 1024 ** 2

export async function execOutput({ print }: Bench): Promise<Row[]> {
  await using subject = await openSubject()
  const { pid } = subject
  await subject.call('POST', '/exec', { cmd: ['/bin/true'] })
  const before = memoryOf(pid, 'status', 'VmRSS')
  writeFileSync(`/proc/${pid}/clear_refs`, '5') // the peak starts anew
  print('1 GiB of exec output')
  const reader = `head -c ${BYTES} /dev/zero | "$0" "$1"`
  const samples = await interleaved(ROUNDS, {
    ours: async () => BYTES / MIB / ((await overStream(subject)) / 1000),
    pipe: async () => {
      const ms = await timed(() => output('/bin/sh', ['-c', reader, process.execPath, programPath('pipe-reader.ts')]))
      return BYTES / MIB / (ms / 1000)
    },
  })
  const peak = memoryOf(pid, 'status', 'VmHWM')
  return [
    {
      figure: '6',
      measure: '1 GiB of exec stdout over SSE',
      ...measured(samples.ours),
      unit: 'MiB/s',
      floor: floorOf('Node pipe reader', samples.pipe),
      hold: { atLeast: 0.5 },
    },
    {
      figure: '6',
      measure: 'resident memory added at the peak of it',
      ours: peak - before,
      unit: 'MiB',
      hold: { atMost: 32 },
    },
  ]
}

async function overStream({ port }: Subject): Promise<number> {
  const body = JSON.stringify({ cmd: ['head', '-c', String(BYTES), '/dev/zero'], ttl_seconds: 1 })
  const { ms, bytes } = await download({ port, method: 'POST', path: '/exec/stream', body, ending: '"exit_code":0' })
  if (bytes < (BYTES / 3) * 4) throw new Error(`the stream carried ${bytes} bytes, too few for ${BYTES}`)
  return ms
}
