// workspace-runtime-VERSION-linux-ARCH.tar.zst: everything that a stranger needs to install the daemon. The same
// commit, packages and tools give the same bytes: the archive tells no time and place of its making.

import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { constants, zstdCompressSync } from 'node:zlib'
import { output } from './command.ts'
import { installedParts, type Parts } from './parts.ts'
import { ROOT, say, type Target } from './paths.ts'
import { sbom } from './sbom.ts'
import { type Stamp } from './stamp.ts'
import { type Entry, tarball } from './tarball.ts'
import { licencesText, thirdParty } from './third-party.ts'

/** Files of the repository that go in unchanged, by their own names. */
const FILES: readonly { path: string; mode: number }[] = [
  { path: 'LICENSE', mode: 0o644 },
  { path: 'runtime.service', mode: 0o644 },
  { path: 'runtime.socket', mode: 0o644 },
  { path: 'scripts/install.sh', mode: 0o755 },
]

/** Level of zstd: 9 takes 2 s; 19 takes 47 s and saves an eighth (measured on 113 MiB). */
const LEVEL = 9

interface Archiving {
  readonly target: Target
  readonly stamp: Stamp
  readonly parts: Parts
  readonly work: string
}

export async function writeArchive(archiving: Archiving): Promise<{ path: string; bytes: number; sha256: string }> {
  const { target, stamp, work } = archiving
  const name = `workspace-runtime-${stamp.facts.version}-linux-${target.arch}`
  const time = commitTime()
  const entries = entriesOf(archiving, time).map((entry) => ({ ...entry, path: `${name}/${entry.path}` }))
  const tar = tarball(entries, time)
  const packed = zstdCompressSync(tar, {
    pledgedSrcSize: tar.length,
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_checksumFlag]: 1 },
  })
  const path = join(target.dist, `${name}.tar.zst`)
  writeFileSync(join(work, 'archive'), packed)
  renameSync(join(work, 'archive'), path)
  if (stamp.facts.commit.endsWith('-dirty')) say('the archive is of a tree with changes that are not committed')
  return { path, bytes: packed.length, sha256: sha256(packed) }
}

function entriesOf({ target, stamp, parts }: Archiving, time: Date): Entry[] {
  const missing = FILES.filter(({ path }) => !existsSync(join(ROOT, path)))
  if (missing.length > 0) throw new Error(`the archive needs ${missing.map(({ path }) => path).join(', ')}, not there`)
  const executable = readFileSync(target.output)
  const components = thirdParty(
    parts,
    stamp.packages,
    installedParts(process.arch === 'arm64' ? 'arm64' : 'x64').node.file,
  )
  const licence = (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { license: string }).license // npm's format
  const subject = { facts: stamp.facts, arch: target.arch, licence, sha256: sha256(executable), time }
  const text = (path: string, content: string): Entry => ({ path, mode: 0o644, content: Buffer.from(content) })
  return [
    { path: 'workspace-runtime', mode: 0o755, content: executable },
    ...FILES.map(({ path, mode }) => ({ path: basename(path), mode, content: readFileSync(join(ROOT, path)) })),
    text('THIRD-PARTY.txt', licencesText(components)),
    text('sbom.cdx.json', sbom(subject, components)),
    text('README.md', readme(stamp, target.arch)),
  ]
}

function readme({ facts }: Stamp, arch: string): string {
  return `# workspace-runtime ${facts.version} for Linux on ${arch}

The daemon inside a developer workspace: files, search and commands over REST and MCP. One executable, commit
${facts.commit}, that needs glibc 2.28 or newer and libstdc++6 (Debian 10, Ubuntu 20.04 and later), nothing else.

    ./workspace-runtime               serves on http://127.0.0.1:9990 until Ctrl-C
    ./workspace-runtime token show    prints the token that callers need
    ./workspace-runtime --help        tells the rest
    ./install.sh                      installs and starts it as a service; --help tells how it upgrades and removes it

\`runtime.service\` and \`runtime.socket\` are the units that install.sh installs. \`LICENSE\` is our licence,
\`THIRD-PARTY.txt\` has those of everything inside, \`sbom.cdx.json\` lists it all (CycloneDX 1.6).
`
}

/** Returns the time of the source: SOURCE_DATE_EPOCH, else the commit's time, else 1980. */
function commitTime(): Date {
  const seconds = process.env['SOURCE_DATE_EPOCH'] ?? output('git', ['log', '-1', '--format=%ct'])
  if (seconds !== undefined && /^\d+$/.test(seconds)) return new Date(Number(seconds) * 1000)
  say('there is neither SOURCE_DATE_EPOCH nor git: the archive is dated 1980-01-01')
  return new Date(Date.UTC(1980, 0, 1))
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
