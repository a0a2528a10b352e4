// Figure 6, its terminal part: 300 MB from a program in a terminal over /ws, against a bare reader of the same bytes
// from a pseudo-terminal; and the memory that this adds.

import { writeFileSync } from 'node:fs'
import { compile } from '../c-program.ts'
import { floorOf, interleaved, measured, timed, type Bench, type Row } from '../figure.ts'
import { output, programPath } from '../processes.ts'
import { memoryOf, openSubject, type Subject } from '../subject.ts'
import { openTerminalStream, type TerminalStream } from '../terminal-stream.ts'

const ROUNDS = 3
const BYTES = 300_000_000
const MEGABYTE = 1e6

const commandOf = (bytes: number): string[] => ['sh', '-c', `stty raw -echo; exec head -c ${bytes} /dev/zero`]

export async function terminalOutput({ print }: Bench): Promise<Row[]> {
  await using subject = await openSubject()
  const { pid } = subject
  using stream = await openTerminalStream(subject.port)
  using c = await compile('terminal-reader.c')
  const floor = c.path === undefined ? ['python3', programPath('terminal-reader.py')] : [c.path]
  await through(subject, stream, MEGABYTE)
  const before = memoryOf(pid, 'status', 'VmRSS')
  writeFileSync(`/proc/${pid}/clear_refs`, '5') // the peak starts anew
  print('300 MB through a terminal')
  const speed = (ms: number): number => BYTES / MEGABYTE / (ms / 1000)
  const samples = await interleaved(ROUNDS, {
    ours: async () => speed(await timed(() => through(subject, stream, BYTES))),
    bare: async () => speed(await timed(() => bare(floor))),
  })
  const peak = memoryOf(pid, 'status', 'VmHWM')
  return [
    {
      figure: '6',
      measure: '300 MB through a terminal on /ws',
      ...measured(samples.ours),
      unit: 'MB/s',
      floor: floorOf(c.path === undefined ? 'Python PTY reader' : 'C PTY reader', samples.bare),
      hold: { atLeast: 0.85 },
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

async function through(subject: Subject, stream: TerminalStream, bytes: number): Promise<void> {
  const before = stream.bytes()
  const { id } = JSON.parse(await subject.call('POST', '/terminals', { cmd: commandOf(bytes) })) as { id: string }
  const code = await stream.exit(id)
  const came = stream.bytes() - before
  if (code !== 0 || came !== bytes) throw new Error(`the terminal gave ${came} of ${bytes} bytes and exit code ${code}`)
}

async function bare([command = '', ...args]: readonly string[]): Promise<void> {
  const came = Number(await output(command, [...args, ...commandOf(BYTES)]))
  if (came !== BYTES) throw new Error(`the bare reader got ${came} of ${BYTES} bytes`)
}
