// Makes one executable out of Node, the bundles and the native parts. The daemon is started once so that its compiled
// code can be kept; Node makes the blob out of all that; postject puts it into a copy of Node. For another architecture
// nothing can be started, so that build has no compiled code and keeps its symbols. The same inputs give the same
// bytes: nothing in it names a folder or depends on chance.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { WORKERS } from '../../src/base/assets.ts'
import { isInstalled, run } from './command.ts'
import { compareVersions, highestVersion, readElf } from './elf.ts'
import { type Parts } from './parts.ts'
import { mib, ROOT, say, type Target } from './paths.ts'

/** Name under which Node looks for the blob in its binary, and the switch beside it (Node's documentation). */
const RESOURCE = 'NODE_SEA_BLOB'
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'

/**
 * Flags of the executable. NODE_OPTIONS of the workspace does not count (execArgvExtension below). By default V8 lets
 * 128 MiB of short-lived objects gather under load before it collects; with 16 no figure of the benchmark is slower.
 * SIGUSR1 opens no inspector: on its port any local user, and any credential for the proxy, could run code as us.
 */
export const FLAGS = ['--disable-warning=ExperimentalWarning', '--disable-sigusr1', '--max-semi-space-size=8']

/** Seed of V8's hash tables, whose order is in the compiled code. A daemon that uses that code need not set it. */
const SAME_EACH_TIME = '--random-seed=1'

/** Promise to machines: this glibc or newer, libstdc++, and the libraries that come with these two. */
const GLIBC = '2.28'
const LIBRARIES = /^(libstdc\+\+\.so\.6|libgcc_s\.so\.1|lib(c|m|dl|pthread)\.so\.\d|ld-linux-(x86-64|aarch64)\.so\.\d)$/

export interface Making {
  readonly target: Target
  readonly work: string
  readonly parts: Parts
  /** Path of the Node that runs here, of the same version as the one in the executable. */
  readonly node: string
}

/** Makes the executable out of the bundles in `work`; returns its path there. */
export async function makeExecutable(making: Making): Promise<string> {
  const { target, work, parts } = making
  if (target.native) say(`compiled code of one start: ${((await warmUp(making)) / 1024).toFixed(0)} KiB`)
  const blob = makeBlob(making)
  const copy = join(work, 'workspace-runtime')
  copyFileSync(parts.node.file, copy)
  chmodSync(copy, 0o755)
  const stripped = target.native && isStripped(copy)
  await injectInto(copy, blob)
  const without = target.native ? '' : ', with its symbols and without compiled code: both need a native build'
  say(`blob of ${mib(blob.length)} put into Node ${parts.node.version}${stripped ? ', stripped' : without}`)
  say(`needs ${needsOf(copy, parts)}`)
  return copy
}

/** Returns the assets that the executable finds by name, as names in `work` or paths of the parts. */
function assetsIn({ target, parts }: Making): Record<string, string> {
  return {
    'koffi.node': parts['koffi.node'].file,
    rg: parts.rg.file,
    ...Object.fromEntries(WORKERS.map((name) => [`threads/${name}.js`, `threads/${name}.js`])),
    'main.js': 'main.js',
    ...(target.native ? { 'main.cache': 'main.cache' } : {}),
  }
}

/** Makes main's bundle a function with one parameter, which src/launch.ts calls. */
export function wrapMain(work: string): void {
  const text = join(work, 'main.js')
  writeFileSync(text, `(function(require){${readFileSync(text, 'latin1')}\n})`)
}

/** Starts the bundle, asks for its health, stops it: code that ran is compiled, and kept in `main.cache`. */
async function warmUp(making: Making): Promise<number> {
  const { work, node } = making
  const cache = join(work, 'main.cache')
  const home = join(work, 'home')
  mkdirSync(home)
  const script = join(ROOT, 'scripts/build/warm-up.mjs')
  const child = spawn(node, [SAME_EACH_TIME, script, '--port', '0', '--workdir', home], {
    cwd: work,
    env: {
      HOME: home,
      PATH: process.env['PATH'],
      RUNTIME_TOKEN: randomBytes(32).toString('hex'),
      WARM_UP: JSON.stringify({ text: join(work, 'main.js'), cache, assets: assetsIn(making) }),
    },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 30_000,
  })
  let said = ''
  for await (const chunk of child.stderr.setEncoding('utf8') as AsyncIterable<string>) {
    said += chunk
    const address = /ready on (http:\S+),/.exec(chunk)?.[1]
    if (address === undefined) continue
    await (await fetch(`${address}/health`)).arrayBuffer()
    child.kill('SIGTERM')
  }
  if (!existsSync(cache)) throw new Error(`the bundle does not start:\n${said}`)
  return statSync(cache).size
}

/** Makes the blob. Names in the configuration are relative to `work`: the blob holds the one of its main script. */
function makeBlob(making: Making): Buffer {
  const { target, work, node } = making
  const fixed = { disableExperimentalSEAWarning: true, useSnapshot: false, useCodeCache: target.native }
  const flags = { execArgv: FLAGS, execArgvExtension: 'none' }
  const config = { main: 'launch.js', output: 'blob', ...fixed, ...flags, assets: assetsIn(making) }
  writeFileSync(join(work, 'sea.json'), JSON.stringify(config))
  run(node, [SAME_EACH_TIME, '--experimental-sea-config', 'sea.json'], work)
  return readFileSync(join(work, 'blob'))
}

function isStripped(copy: string): boolean {
  if (!isInstalled('strip')) {
    say('there is no `strip` on this machine (Debian: binutils): the executable keeps its symbols, 17 MiB')
    return false
  }
  run('strip', ['--strip-all', copy], ROOT)
  return true
}

/** Injects the blob. postject takes hold of console.warn at its start; its usual warning of Node's notes is dropped. */
async function injectInto(executable: string, blob: Buffer): Promise<void> {
  const { warn } = console
  console.warn = (text: unknown, ...more: unknown[]) => {
    if (!String(text).includes("Can't find string offset for section name '.note")) warn(text, ...more)
  }
  try {
    const { inject } = await import('postject')
    await inject(executable, RESOURCE, blob, { sentinelFuse: FUSE })
  } finally {
    console.warn = warn
  }
}

/** Returns one sentence about the needs; throws an Error if they exceed the promise. */
function needsOf(executable: string, parts: Parts): string {
  const elfs = [executable, parts.rg.file, parts['koffi.node'].file].map(readElf)
  const glibc = highestVersion('GLIBC', elfs) ?? '0'
  const cxx = highestVersion('GLIBCXX', elfs) ?? '0'
  const libraries = [...new Set(elfs.flatMap((elf) => elf.libraries))]
  const other = libraries.filter((name) => !LIBRARIES.test(name))
  if (compareVersions(glibc, GLIBC) > 0 || other.length > 0) {
    throw new Error(`it needs glibc ${glibc} ${other.join(' ')}; promised are glibc ${GLIBC} and libstdc++6`)
  }
  return `glibc ${glibc} and libstdc++6 (GLIBCXX ${cxx}), nothing else: ${libraries.toSorted().join(' ')}`
}
