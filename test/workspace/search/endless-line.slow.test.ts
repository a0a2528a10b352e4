// One line without end: it costs the daemon little, however long it is, and is told cut (S-04).

import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startDaemon } from '../../support/daemon.ts'
import { anonymousRise, MIB } from '../../support/growth.ts'

function writeLine(path: string, bytes: number): void {
  const fd = openSync(path, 'w')
  writeSync(fd, 'first\nneedle ')
  const block = Buffer.alloc(MIB, 'x')
  for (let written = 0; written < bytes; written += MIB) writeSync(fd, block)
  closeSync(fd)
}

t.test('S-04 one endless line costs the daemon little and is told cut', async (t) => {
  const daemon = await startDaemon(t)
  const root = join(daemon.directory, 'searched')
  mkdirSync(root)
  writeFileSync(join(root, 'before.txt'), 'x\n')
  const rise = await anonymousRise(daemon.pid, { small: 64 * MIB, large: 512 * MIB }, async (bytes) => {
    writeLine(join(root, 'big.txt'), bytes)
    const { status, body } = await daemon.call('GET', `/files/search?q=needle&path=${root}&timeout=60`)
    t.equal(status, 200)
    const [match] = body.results['big.txt'] ?? []
    t.match(match, { line: 2, truncated: true })
    t.equal(match?.text.length, 4096)
    t.equal(body.capped, true)
    t.match(body.warnings, [/^big\.txt: a line is longer than 8 MiB/])
  })
  t.ok(rise < 56 * MIB, `${Math.round(rise / MIB)} MiB more`)
})
