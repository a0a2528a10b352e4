// Makes dist/workspace-runtime: one executable for this machine's architecture that needs neither Node nor
// node_modules. esbuild bundles src/main.ts, and each worker of src/threads on its own; the daemon is started
// once so that its compiled code can be kept; Node makes the blob out of all that, ripgrep and koffi's library;
// postject puts it into a copy of Node.
// A build whose inputs are those of the last one is skipped; `--force` builds anyway.

import { build } from 'esbuild'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, join, relative } from 'node:path'
import { WORKERS } from './src/assets.ts'

const ROOT = import.meta.dirname
const DIST = join(ROOT, 'dist')
const OUTPUT = join(DIST, 'workspace-runtime')
const STAMP = join(DIST, '.stamp')
const TARGET = `${process.platform}-${process.arch}`

/** Where Node looks for the blob inside its own binary, and the switch beside it (Node's documentation). */
const RESOURCE = 'NODE_SEA_BLOB'
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'

/** Flags of the executable. NODE_OPTIONS of the workspace has no say in it (execArgvExtension below). */
const FLAGS = ['--disable-warning=ExperimentalWarning']

const modules = join(ROOT, 'node_modules')
const PARTS = {
  node: join(modules, `node-${TARGET}`, 'bin/node'),
  rg: join(modules, '@vscode', `ripgrep-${TARGET}`, 'bin/rg'),
  // The C library is that of the Node binary: glibc.
  'koffi.node': join(modules, '@koromix', `koffi-${TARGET}`, `${process.platform}_${process.arch}`, 'koffi.node'),
}

const started = performance.now()
const say = (text) => console.log(`build: ${text}`)
const mib = (bytes) => `${(bytes / 1048576).toFixed(1)} MiB`

function output(command, args) {
  try {
    return execFileSync(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'ignore'], encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
}

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

function filesBelow(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
}

/** One hash over everything that goes in. Packages count by the lock file, large binaries by size and time. */
function stampOf(facts) {
  const hash = createHash('sha256').update(JSON.stringify({ facts, TARGET, FLAGS, node: process.version }))
  const own = ['build.mjs', 'scripts/build/warm-up.mjs', 'package.json', 'package-lock.json'].map((name) =>
    join(ROOT, name),
  )
  for (const file of [...own, ...filesBelow(join(ROOT, 'src'))]) {
    hash.update(`\n${relative(ROOT, file)} ${sha256(readFileSync(file))}`)
  }
  for (const file of Object.values(PARTS)) {
    const { size, mtimeMs } = statSync(file)
    hash.update(`\n${file} ${size} ${mtimeMs}`)
  }
  return hash.digest('hex')
}

async function bundle(entryPoints, outdir, built) {
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints,
    outdir,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: false,
    legalComments: 'none',
    // Files beside the sources do not exist there: paths from import.meta.url start at the executable.
    define: { BUILT: JSON.stringify(built), 'import.meta.url': 'EXECUTABLE_URL' },
    banner: { js: "const EXECUTABLE_URL=require('node:url').pathToFileURL(process.execPath).href;" },
    // import() does not work in a single executable with code cache.
    supported: { 'dynamic-import': false },
    logLevel: 'warning',
    metafile: true,
  })
  return Object.entries(result.metafile.outputs)
}

function stripped(copy) {
  if (output('strip', ['--strip-all', copy]) !== undefined) return true
  say('there is no `strip` on this machine: the executable keeps its symbols and is about 10 MiB larger')
  return false
}

/** What the executable finds by name: the parts, the workers' bundles, main's bundle and its compiled form. */
function assetsIn(work) {
  return {
    'koffi.node': PARTS['koffi.node'],
    rg: PARTS.rg,
    ...Object.fromEntries(WORKERS.map((name) => [`threads/${name}.js`, join(work, 'threads', `${name}.js`)])),
    'main.js': join(work, 'main.js'),
    'main.cache': join(work, 'main.cache'),
  }
}

/** Starts the bundle, asks for its health, stops it: what ran by then is compiled, and kept in `main.cache`. */
async function warmUp(work) {
  const text = join(work, 'main.js')
  writeFileSync(text, `(function(require){${readFileSync(text, 'latin1')}\n})`)
  const env = { HOME: work, PATH: process.env.PATH, RUNTIME_TOKEN: randomBytes(32).toString('hex') }
  const assets = assetsIn(work)
  const cache = assets['main.cache']
  const child = spawn(PARTS.node, [join(ROOT, 'scripts/build/warm-up.mjs'), '--port', '0', '--workdir', work], {
    env: { ...env, WARM_UP: JSON.stringify({ text, cache, assets }) },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 30_000,
  })
  let said = ''
  for await (const chunk of child.stderr.setEncoding('utf8')) {
    said += chunk
    const address = /ready on (http:\S+),/.exec(chunk)?.[1]
    if (address === undefined) continue
    await fetch(`${address}/health`)
    child.kill('SIGTERM')
  }
  if (!existsSync(cache)) throw new Error(`the bundle does not start:\n${said}`)
  return statSync(cache).size
}

function makeBlob(work) {
  const config = join(work, 'sea.json')
  const output = join(work, 'blob')
  const fixed = { disableExperimentalSEAWarning: true, useSnapshot: false, useCodeCache: true }
  const flags = { execArgv: FLAGS, execArgvExtension: 'none' }
  const assets = assetsIn(work)
  writeFileSync(config, JSON.stringify({ main: join(work, 'launch.js'), output, ...fixed, ...flags, assets }))
  const made = spawnSync(PARTS.node, ['--experimental-sea-config', config], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`node --experimental-sea-config failed:\n${made.stdout}${made.stderr}`)
  return readFileSync(output)
}

/** postject takes hold of console.warn when it starts; what it always says of Node's notes is left out. */
async function injectInto(executable, blob) {
  const { warn } = console
  console.warn = (text, ...more) => {
    if (!String(text).includes("Can't find string offset for section name '.note")) warn(text, ...more)
  }
  try {
    const { inject } = await import('postject')
    await inject(executable, RESOURCE, blob, { sentinelFuse: FUSE })
  } finally {
    console.warn = warn
  }
}

async function main() {
  const facts = {
    version: JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version,
    commit: output('git', ['describe', '--always', '--dirty', '--exclude=*', '--abbrev=12']) ?? 'unknown',
    ripgrep: /^ripgrep (\S+)/.exec(output(PARTS.rg, ['--version']) ?? '')?.[1] ?? 'unknown',
  }
  const stamp = stampOf(facts)
  if (!process.argv.includes('--force') && existsSync(OUTPUT) && existsSync(STAMP)) {
    if (readFileSync(STAMP, 'utf8') === `${stamp} ${statSync(OUTPUT).size}`) {
      return say(`${relative(ROOT, OUTPUT)} is up to date (${mib(statSync(OUTPUT).size)}), ${elapsed()}`)
    }
  }
  mkdirSync(DIST, { recursive: true })
  const work = mkdtempSync(join(DIST, '.work-'))
  try {
    await make(work, facts)
    writeFileSync(STAMP, `${stamp} ${statSync(OUTPUT).size}`)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

async function make(work, facts) {
  const parts = ['koffi.node', 'rg'].map((name) => {
    const bytes = readFileSync(PARTS[name])
    return { name, sha256: sha256(bytes), bytes: bytes.length }
  })
  const entries = ['src/launch.ts', 'src/main.ts', ...WORKERS.map((name) => `src/threads/${name}.ts`)]
  const bundles = await bundle(entries, work, { facts, parts })
  const sizes = bundles.map(([path, { bytes }]) => `${basename(path)} ${(bytes / 1024).toFixed(0)} KiB`)
  say(`bundled ${sizes.join(', ')}`)
  say(`compiled code of one start: ${((await warmUp(work)) / 1024).toFixed(0)} KiB`)

  const blob = makeBlob(work)
  const copy = join(work, 'workspace-runtime')
  copyFileSync(PARTS.node, copy)
  chmodSync(copy, 0o755)
  const without = stripped(copy) ? ', stripped' : ''
  await injectInto(copy, blob)
  renameSync(copy, OUTPUT)
  const version = output(PARTS.node, ['--version'])
  say(`blob of ${mib(blob.length)} put into Node ${version}${without}; ripgrep ${facts.ripgrep}`)
  say(`${relative(ROOT, OUTPUT)}: ${mib(statSync(OUTPUT).size)}, ${elapsed()}`)
}

const elapsed = () => `${((performance.now() - started) / 1000).toFixed(1)} s`

await main()
