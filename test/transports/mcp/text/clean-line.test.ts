// Lines of output, as a terminal leaves them.

import t from 'tap'
import { cleanLine, cleanLines } from '../../../../src/transports/mcp/text/clean-line.ts'

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
    ['Downloading 100 of 100\rDone', 'Doneloading 100 of 100'],
    ['Downloading 100 of 100\r\x1b[KDone', 'Done'],
    ['prompt# echo one two\x1b[20D\x1b[8C\x1b[2@# ', 'prompt# # echo one two'],
    ['abc\x1b[2DX', 'aXc'],
    ['abc\x1b[GX\x1b[5GY', 'Xbc Y'],
    ['abcdef\x1b[3D\x1b[2P', 'abcf'],
    ['abcdef\r\x1b[2X', '  cdef'],
    ['abcdef\x1b[3D\x1b[1K', '    ef'],
    ['abcdef\x1b[3D\x1b[K', 'abc'],
    ['\x9b31mred\x9b0m', 'red'],
    ['\x9d0;title\x9ctext', 'text'],
    ['ab\b \b', 'a '],
    ['a\tb\rX', 'X\tb'],
    ['\x1b[?25lshown\x1b[?25h', 'shown'],
    ['\x1b[999999999Cx', `${' '.repeat(1024)}x`],
    ['\x1bPq#0\x07still\x1b\\after', 'after'],
  ]
  for (const [raw, shown] of table) t.equal(cleanLine(raw), shown, JSON.stringify(raw))
})

t.test('megabytes of hostile input take no time to speak of', async (t) => {
  for (const piece of ['\x1b[', '\x1b]', '\x1bP', 'a\b', '\r', '\x1b[0;'])
    t.type(cleanLine(piece.repeat(300_000)), 'string', JSON.stringify(piece))
  for (const piece of [
    '\x1b[9999Cx',
    '\x1b[@',
    'ab\r\x1b[999@',
    'x\x1b[1K',
    'x\x1b[D\x1b[P',
    '\x9d',
    'ab\x1b[999X\r',
  ]) {
    t.ok(cleanLine(piece.repeat(200_000)).length <= 2_000_000, JSON.stringify(piece))
  }
  t.equal(cleanLines(Array.from({ length: 100_000 }, () => '\x1b]x')).length, 100_000)
})

t.test('what is open at the end of a line is left out of the next ones, until it ends', async (t) => {
  const sixel = ['before\x1bPq#0;2;0;0;0', '#0~~@@vv', '#0~~\x1b\\after', 'last']
  t.strictSame(cleanLines(sixel), ['before', '', 'after', 'last'])
  t.strictSame(cleanLines(['\x1b]0;a', 'title\x07text']), ['', 'text'])
  t.strictSame(cleanLines(['\x1b_app', 'x', '\x9cy']), ['', '', 'y'])
  t.strictSame(cleanLines(['never ended \x1b]0;a', 'shown', 'too']), ['never ended ', 'shown', 'too'])
  const long = ['\x1bP', ...Array.from({ length: 400 }, () => 'x'.repeat(1000)), 'end\x1b\\']
  t.equal(cleanLines(long).at(-2), 'x'.repeat(1000), 'it hides no more than an image has')
})
