// Commands for a model: the state, both ends of the output, exact offsets of the part between them.

import t from 'tap'
import { commandView } from '../../../../src/transports/mcp/text/command.ts'
import type { Body } from '../../../../src/transports/mcp/text/view.ts'

const ended = {
  success: true,
  id: '7',
  command: ['make'],
  status: 'exited',
  exit_code: 0,
  started_at: '2026-01-01T00:00:00.000Z',
  exited_at: '2026-01-01T00:00:01.250Z',
  stdout: '',
  stderr: '',
}
const running = { id: '7', command: ['make'], status: 'running', exit_code: -1, stdout: '', stderr: '' }

const text = (body: Body): string => {
  const block = commandView({ body, asked: {}, more: 'exec_get' }).content[0]
  return block?.type === 'text' ? block.text : ''
}

t.test('a table of short commands', async (t) => {
  const table: [Body, string][] = [
    [ended, 'Command 7 exited with code 0 after 1.3 s.\nNo output.'],
    [{ ...ended, stdout: 'out\n' }, 'Command 7 exited with code 0 after 1.3 s.\nstdout:\nout'],
    [
      { ...ended, exit_code: 2, stdout: 'out\n', stderr: '\x1b[31merr\x1b[0m\n' },
      'Command 7 exited with code 2 after 1.3 s.\nstdout:\nout\nstderr:\nerr',
    ],
    [
      { ...ended, status: 'failed', exit_code: 124, error: 'timed out after 1 s' },
      'Command 7 failed after 1.3 s: timed out after 1 s (exit code 124).\nNo output.',
    ],
    [
      { ...ended, stdio_held: true, stdout: '1%\r2%\r100%\n' },
      'Command 7 exited with code 0 after 1.3 s. A process it left behind still holds its output.\nstdout:\n100%',
    ],
    [
      running,
      'Command 7 is running.\nNo output so far.\n[it runs on; exec_get {"id":"7","wait_seconds":45} waits for its end]',
    ],
    [
      { ...ended, stdout: 'tail\n', stdout_offset: 10, stdout_truncated: true, stdout_bytes: 15 },
      'Command 7 exited with code 0 after 1.3 s.\nstdout:\n[bytes 0-10 of stdout are no longer kept]\ntail',
    ],
  ]
  for (const [body, shown] of table) t.equal(text(body), shown)
})

/** Puts the output together again from the shown parts and the bytes that each mark names. */
function rebuilt(shown: string, all: string): string {
  const [, rest = ''] = /^[^\n]*\nstdout[^\n]*:\n([^]*)$/.exec(shown) ?? []
  return rest.replace(/\[left out: bytes (\d+)-(\d+) of stdout[^\n]*\]\n/, (_, from: string, to: string) =>
    Buffer.from(all).subarray(Number(from), Number(to)).toString(),
  )
}

t.test('long output: both ends, and the mark names the bytes between exactly', async (t) => {
  const all = Array.from({ length: 30_000 }, (_, i) => `line ${i + 1} äöü\n`).join('')
  const shown = text({ ...ended, stdout: all })
  t.ok(shown.length <= 40_000, String(shown.length))
  t.match(shown, /^line 1 äöü$/m)
  t.ok(shown.endsWith('line 30000 äöü'))
  t.match(
    shown,
    /\[left out: bytes \d+-\d+ of stdout, [\d,]+ bytes; exec_get \{"id":"7","stream":"stdout","offset":\d+\} shows them\]/,
  )
  t.equal(`${rebuilt(shown, all)}\n` === all, true)
})

t.test('what REST left out already is named as it is', async (t) => {
  const all = Array.from({ length: 10_000 }, (_, i) => `line ${i + 1}\n`).join('')
  const cut = { stdout: all.slice(0, 1003), stdout_tail: all.slice(-1003), stdout_tail_offset: all.length - 1003 }
  const shown = text({ ...ended, ...cut, stdout_truncated: true, stdout_bytes: all.length })
  t.match(shown, `[left out: bytes 1003-${all.length - 1003} of stdout`)
  t.match(shown, `stdout (${all.length.toLocaleString('en-US')} bytes):`)
})

t.test('output that is not UTF-8: the mark covers at least what is left out', async (t) => {
  const bytes = Buffer.concat(Array.from({ length: 8000 }, (_, i) => Buffer.from(`${i} \xff\xfe\xfd\n`, 'latin1')))
  const shown = text({ ...ended, stdout: bytes.toString('utf8'), stdout_lossy: true, stdout_bytes: bytes.length })
  const [, from = '', to = ''] = /left out: bytes (\d+)-(\d+)/.exec(shown) ?? []
  const between = bytes.subarray(Number(from), Number(to)).toString('utf8')
  const lines = shown.split('\n')
  const mark = lines.findIndex((line) => line.startsWith('[left out'))
  const [last, first] = [Number.parseInt(lines[mark - 1] ?? ''), Number.parseInt(lines[mark + 1] ?? '')]
  t.match(between, `${last + 1} `)
  t.match(between, `${first - 1} `)
})

t.test('one stream does not crowd out the other, and long lines are cut with their place', async (t) => {
  const flood = Array.from({ length: 20_000 }, (_, i) => `out ${i}\n`).join('')
  const errors = Array.from({ length: 20_000 }, (_, i) => `err ${i}\n`).join('')
  const shown = text({ ...ended, stdout: flood, stderr: errors })
  t.ok(shown.length <= 40_000, String(shown.length))
  t.match(shown, /out 19999/)
  t.match(shown, /err 19999/)
  const long = text({ ...ended, stdout: `a\n${'x'.repeat(100_000)}\nb\n` })
  t.match(long, /x… \[line cut: it is bytes 2-100003\]\nb$/)
  t.ok(long.length < 3000)
})

t.test('ranges: what is shown, what comes next, the end', async (t) => {
  const range = { ...running, stdout: 'abc\n', offset: 10, next_offset: 14, total: 14 }
  t.equal(
    text({ ...range, stderr: undefined }),
    'Command 7 is running. Bytes 10-14 of 14 of stdout:\nabc\n[next: exec_get {"id":"7","stream":"stdout","offset":14,"wait_seconds":45}]',
  )
  t.match(text({ ...range, total: 99 }), /"offset":14\}\]$/)
  t.match(text({ ...range, stdout: '', gap_bytes: 10 }), /\[10 bytes before 10 are no longer kept\]\nNothing new\.\n/)
  t.match(text({ ...range, status: 'exited', exit_code: 0 }), /abc\n\[end of stdout\]$/)
  const large = Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`).join('')
  const shown = text({ ...range, stdout: large, offset: 0, next_offset: large.length, total: large.length })
  const [, next = ''] = /"offset":(\d+)\}\]$/.exec(shown) ?? []
  t.ok(shown.length <= 40_000 && shown.includes(`${large.slice(0, Number(next)).trimEnd()}\n[next`))
  const base64 = Buffer.alloc(60_000, 'x').toString('base64')
  const exact = text({ ...range, stdout: base64, encoding: 'base64', offset: 5, next_offset: 60_005, total: 60_005 })
  const [, at = ''] = /"offset":(\d+)\}\]$/.exec(exact) ?? []
  t.equal(Buffer.from(exact.split('\n')[1] ?? '', 'base64').length, Number(at) - 5)
})
