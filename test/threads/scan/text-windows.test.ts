// How files are cut into windows of whole lines.

import t from 'tap'
import { TextWindows } from '../../../src/threads/scan/text-windows.ts'

/** The windows of `bytes`, read `step` bytes at a time. */
function windows(bytes: Buffer, options: { named?: boolean; step?: number } = {}) {
  let at = 0
  let tooLong = 0
  const read = (into: Buffer) => {
    const copied = bytes.copy(into, 0, at, Math.min(bytes.length, at + (options.step ?? into.length)))
    at += copied
    return copied
  }
  const found = [...new TextWindows(read, options.named ?? false, () => tooLong++)]
  return { found, text: Buffer.concat(found).toString(), tooLong }
}

t.test('every window but the last ends with a line', async (t) => {
  const text = Array.from({ length: 300_000 }, (_, i) => `line ${i}`).join('\n')
  const { found, text: joined } = windows(Buffer.from(text), { step: 70_000 })
  t.ok(found.length > 2)
  t.ok(found.slice(0, -1).every((window) => window.at(-1) === 0x0a))
  t.equal(joined, text)
  t.strictSame(windows(Buffer.alloc(0)).found, [])
})

t.test('byte order marks', async (t) => {
  t.equal(windows(Buffer.from('\uFEFFa\n')).text, 'a\n')
  t.equal(windows(Buffer.from('\uFEFFaä\n', 'utf16le')).text, 'aä\n')
  t.equal(windows(Buffer.from('\uFEFFaä\n', 'utf16le').swap16()).text, 'aä\n')
})

t.test('binary files', async (t) => {
  t.strictSame(windows(Buffer.from('a\n\0b\n')).found, [])
  t.equal(windows(Buffer.from('a\n\0b\n'), { named: true }).text, 'a\n\nb\n')
  const late = Buffer.from(`${'a\n'.repeat(100_000)}\0`)
  t.ok(windows(late).text.length > 0)
  t.ok(windows(late).text.length < late.length)
})

t.test('a line beyond 8 MiB is searched at its beginning', async (t) => {
  const { text, tooLong, found } = windows(Buffer.from(`a\n${'x'.repeat(20 * 1024 * 1024)}\nb\nc`))
  t.equal(tooLong, 1)
  t.equal(text.split('\n').length, 4)
  t.ok(text.endsWith('x\nb\nc'))
  t.ok(Math.max(...found.map((window) => window.length)) < 10 * 1024 * 1024)
})
