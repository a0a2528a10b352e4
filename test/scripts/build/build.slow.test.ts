// `npm run build` as a whole, into a fresh directory: two at once, the same bytes each time, and what is
// in the archive.

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { extract } from 'tar'
import t from 'tap'
import { ROOT, targetOf } from '../../../scripts/build/paths.ts'
import { readStamp } from '../../../scripts/build/stamp.ts'
import { build } from '../../support/build.ts'

const version: string = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version
const archive = `workspace-runtime-${version}-linux-${process.arch}`
const hashIn = (said: string): string | undefined => /SHA-256 ([0-9a-f]{64})/.exec(said)?.[1]

t.test('two builds at once leave one whole archive', async (t) => {
  const out = t.testdir()
  const [one, other] = await Promise.all([
    build('--out', out, '--force', '--archive'),
    build('--out', out, '--force', '--archive'),
  ])
  t.equal(one.code, 0, one.said)
  t.equal(other.code, 0, other.said)
  t.equal(typeof hashIn(one.said), 'string')
  t.equal(typeof hashIn(other.said), 'string')
  t.match(one.said, /needs glibc 2\.28 and libstdc\+\+6/)
  t.same(readdirSync(out).toSorted(), ['.stamp', 'workspace-runtime', `${archive}.tar.zst`])

  const again = await build('--out', out)
  t.match(again.said, /nothing has changed/)
  const target = targetOf(process.arch === 'arm64' ? 'arm64' : 'x64', out)
  t.match(readStamp(target), { facts: { version } })

  await t.test('the archive has what it takes, and its executable runs', async (t) => {
    const directory = t.testdir()
    writeFileSync(join(directory, 'x.tar'), zstdDecompressSync(readFileSync(join(out, `${archive}.tar.zst`))))
    await extract({ file: join(directory, 'x.tar'), cwd: directory, strict: true })
    const inside = join(directory, archive)
    const units = ['install.sh', 'runtime.service', 'runtime.socket']
    const texts = ['LICENSE', 'README.md', 'THIRD-PARTY.txt', 'sbom.cdx.json']
    t.same(readdirSync(inside).toSorted(), [...texts, ...units, 'workspace-runtime'].toSorted())
    const bill = JSON.parse(readFileSync(join(inside, 'sbom.cdx.json'), 'utf8'))
    const names: string[] = bill.components.map(({ name }: { name: string }) => name)
    t.ok(names.includes('ws') && names.includes(`node-linux-${process.arch}`))
    const { stdout } = spawnSync(join(inside, 'workspace-runtime'), ['--version'], { encoding: 'utf8' })
    t.ok(stdout.startsWith(`workspace-runtime ${version}\n`))
  })
  writeFileSync(target.output, 'not ours')
  t.equal(readStamp(target), undefined, 'a stamp is not taken for one of another file')
  rmSync(out, { recursive: true })
})

t.test('an unknown architecture or option is said', async (t) => {
  const arch = await build('--arch', 'mips')
  t.equal(arch.code, 2)
  t.match(arch.said, /there is no build for mips, but for x64 and arm64/)
  t.equal((await build('--no-such-option')).code, 2)
})
