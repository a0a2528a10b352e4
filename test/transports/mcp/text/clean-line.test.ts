// Lines as a terminal leaves them.

import t from 'tap'
import { cleanLine } from '../../../../src/transports/mcp/text/clean-line.ts'

t.test('escape sequences, progress, backspaces and control characters go', async (t) => {
  const table: [string, string][] = [
    ['plain äöü\ttab', 'plain äöü\ttab'],
    ['\x1b[31mred\x1b[0m', 'red'],
    ['\x1b[1;38;5;196mbold\x1b[m rest', 'bold rest'],
    ['\x1b]0;title\x07text', 'text'],
    ['\x1b]8;;http://a.b\x1b\\link\x1b]8;;\x1b\\', 'link'],
    ['\x1b(Bascii', 'ascii'],
    ['\x1bPdevice\x1b\\after', 'after'],
    ['10%\r50%\r100%', '100%'],
    ['10%\r100%\r', '100%'],
    ['windows\r', 'windows'],
    ['\x1b[2K\rdone', 'done'],
    ['b\bbo\bol\bld\bd', 'bold'],
    ['a\0b\x07c\x7f', 'abc'],
    ['cut off \x1b[', 'cut off '],
    ['cut off \x1b', 'cut off '],
    ['', ''],
  ]
  for (const [raw, shown] of table) t.equal(cleanLine(raw), shown, JSON.stringify(raw))
})

t.test('megabytes of hostile input take no time to speak of', async (t) => {
  for (const piece of ['\x1b[', '\x1b]', '\x1bP', 'a\b', '\r', '\x1b[0;'])
    t.type(cleanLine(piece.repeat(300_000)), 'string', JSON.stringify(piece))
})
