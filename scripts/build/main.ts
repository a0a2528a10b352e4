// `npm run build`: the executable for this machine's architecture, or with --arch for another; with --archive also the
// files for others. A build whose inputs are those of the last one is skipped; --force builds anyway. Two builds at
// once do each other no harm: each works in a fresh folder and renames its result.

import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { writeArchive } from './archive.ts'
import { type Built, bundle } from './bundle.ts'
import { isInstalled, output } from './command.ts'
import { makeExecutable, wrapMain } from './executable.ts'
import { installedParts, type Parts, partsFor } from './parts.ts'
import { ARCHES, mib, ROOT, say, type Target, targetOf } from './paths.ts'
import { inputsOf, place, readStamp, type Stamp } from './stamp.ts'
import { tryOut } from './try-out.ts'

const USAGE = `npm run build -- [--arch x64|arm64] [--archive] [--check] [--force] [--out DIRECTORY]

  --arch ARCH    for that architecture, this machine's by default
  --archive      also make workspace-runtime-VERSION-linux-ARCH.tar.zst
  --check        start what was built and ask it a few things; under qemu where it is for another architecture
  --force        build even if nothing has changed
  --out DIR      where it goes, dist by default
`

/** Age at which the folders of killed builds are removed. */
const ABANDONED_MS = 3600_000

const OPTIONS = {
  arch: { type: 'string', default: process.arch },
  archive: { type: 'boolean', default: false },
  check: { type: 'boolean', default: false },
  force: { type: 'boolean', default: false },
  out: { type: 'string', default: join(ROOT, 'dist') },
  help: { type: 'boolean', default: false, short: 'h' },
} as const

/** Resolves with the exit code. */
export async function main(args: string[]): Promise<number> {
  const options = readOptions(args)
  if (typeof options === 'number') return options
  const target = targetOf(options.arch, resolve(options.out))
  const started = performance.now()
  const elapsed = (): string => `${((performance.now() - started) / 1000).toFixed(1)} s`
  mkdirSync(target.dist, { recursive: true })
  removeAbandoned(target.dist)
  const work = mkdtempSync(join(target.dist, '.work-'))
  try {
    let fetched: Promise<Parts> | undefined
    const parts = (): Promise<Parts> => (fetched ??= partsFor(target, work))
    const stamp = await executable({ target, work, parts }, options.force)
    say(`${relative(ROOT, target.output)}: ${mib(statSync(target.output).size)}, linux-${target.arch}, ${elapsed()}`)
    if (options.check) await tryOut({ target, facts: stamp.facts, parts: await parts(), work })
    if (options.archive) {
      const made = await writeArchive({ target, stamp, work, parts: await parts() })
      say(`${relative(ROOT, made.path)}: ${mib(made.bytes)}, SHA-256 ${made.sha256}, ${elapsed()}`)
    }
    return 0
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function readOptions(args: string[]) {
  try {
    const { values } = parseArgs({ args, options: OPTIONS })
    const arch = ARCHES.find((known) => known === values.arch)
    if (arch === undefined) throw new Error(`there is no build for ${values.arch}, but for ${ARCHES.join(' and ')}`)
    if (!values.help) return { ...values, arch }
    console.log(USAGE)
    return 0
  } catch (error) {
    console.error(`build: ${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
    return 2
  }
}

interface Build {
  readonly target: Target
  readonly work: string
  /** Returns the parts; called only if a build is needed: they may have to be fetched. */
  readonly parts: () => Promise<Parts>
}

async function executable({ target, work, parts: partsOf }: Build, force: boolean): Promise<Stamp> {
  const own = installedParts(process.arch === 'arm64' ? 'arm64' : 'x64')
  const facts = factsOf(own)
  const inputs = inputsOf(target, facts, isInstalled('strip'))
  const last = readStamp(target)
  if (!force && last?.inputs === inputs) {
    say('nothing has changed since the last build')
    return last
  }
  const parts = await partsOf()
  if (parts.node.version !== own.node.version) {
    throw new Error(
      `${parts.node.name} is ${parts.node.version}, ${own.node.name} ${own.node.version}: both must agree`,
    )
  }
  const packages = await bundle(work, { facts, parts: describe(parts) }, target.native)
  wrapMain(work)
  const made = await makeExecutable({ target, work, parts, node: own.node.file })
  return place(target, made, { inputs, facts, packages })
}

/** Returns the facts. ripgrep's version is that of this machine's: both architectures' packages are of one release. */
function factsOf(own: Parts): Built['facts'] {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string } // npm's format
  return {
    version,
    commit: output('git', ['describe', '--always', '--dirty', '--exclude=*', '--abbrev=12']) ?? 'unknown',
    ripgrep: /^ripgrep (\S+)/.exec(output(own.rg.file, ['--version']) ?? '')?.[1] ?? 'unknown',
  }
}

/** Describes the parts that must be files when the executable runs. */
function describe(parts: Parts): Built['parts'] {
  return (['koffi.node', 'rg'] as const).map((name) => {
    const bytes = readFileSync(parts[name].file)
    return { name, sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length }
  })
}

function removeAbandoned(dist: string): void {
  for (const name of readdirSync(dist)) {
    if (!name.startsWith('.work-')) continue
    const path = join(dist, name)
    const since = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()
    if (Date.now() - since > ABANDONED_MS) rmSync(path, { recursive: true, force: true })
  }
}
