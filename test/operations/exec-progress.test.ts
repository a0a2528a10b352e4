// The last line a command printed, as a client that waits for it is told.

import t from 'tap'
import { lastLine } from '../../src/operations/exec-progress.ts'

t.test('the last line with anything to read on it', async (t) => {
  for (const [text, line] of [
    ['', undefined],
    ['\n\r\n \t\n', undefined],
    ['one', 'one'],
    ['one\ntwo\n', 'two'],
    ['one\n\n  two  \n\n', 'two'],
    [' 10 %\r 20 %\r 30 %', '30 %'],
    [' 10 %\r 20 %\r', '20 %'],
    ['\x1b[1m\x1b[32mgreen\x1b[0m\n', 'green'],
    ['one\n\x1b[2K\x1b[0m\n', 'one'],
    ['\uFFFD\uFFFDnd\n', '\uFFFD\uFFFDnd'],
    ['one\n\uFFFD', 'one'],
  ] as const) {
    t.equal(lastLine(Buffer.from(text)), line, JSON.stringify(text))
  }
})
