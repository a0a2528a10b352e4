// Lists all foreign code in the executable, with version, licence and the licence's text: the bundled npm packages with
// all they depend on (some carry their dependencies inside their own bundle), Node with its parts, ripgrep with the
// libraries in it, koffi. A package without a licence text stops the build.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { output } from './command.ts'
import { locked, withDependencies } from './lock.ts'
import { type Part, type Parts } from './parts.ts'
import { MODULES, ROOT } from './paths.ts'

export interface Component {
  readonly name: string
  readonly version: string
  /** SPDX identifier or expression. */
  readonly licence: string
  /** Package URL; the component's type is told from it. */
  readonly purl: string
  /** Subresource integrity of the npm package. */
  readonly integrity?: string
  /** Licence texts, one after another. */
  readonly text: string
  readonly inside: readonly Inside[]
}

/** A library linked into a component. Its licence is in that component's text. */
export interface Inside {
  readonly name: string
  readonly version?: string
  readonly licence?: string
  readonly purl?: string
}

const TEXTS = join(ROOT, 'scripts/build/licences')
const LICENCE_FILE = /^(licen[cs]e|copying|notice)([-.].*)?$/i

/** Entries of Node's process.versions that are no libraries. */
const NOT_SOFTWARE = new Set(['node', 'modules', 'napi'])

export function thirdParty(parts: Parts, packages: readonly string[], node: string): Component[] {
  const bundled = withDependencies(packages).map(npmPackage)
  return [nodeOf(parts.node, node), ripgrepOf(parts.rg), koffiOf(parts['koffi.node']), ...bundled]
}

/** Returns one text of all: a heading for each component, its licence below. */
export function licencesText(components: readonly Component[]): string {
  const line = '='.repeat(100)
  const sections = components.map(({ name, version, licence, text }) => {
    return `${line}\n${name} ${version} (${licence})\n${line}\n\n${text.trim()}\n`
  })
  const head = `workspace-runtime contains the following software, each under the licence given with it.\n`
  return [head, ...sections].join('\n')
}

function npmPackage(place: string): Component {
  const name = place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length)
  const { version, integrity, license } = locked(place)
  if (license === undefined) throw new Error(`package-lock.json has no licence of ${place}`)
  const text = textsIn(join(ROOT, place))
  return { name, version, licence: license, purl: npmUrl(name, version), integrity, text, inside: [] }
}

function nodeOf(part: Part, node: string): Component {
  const versions = JSON.parse(output(node, ['-p', 'JSON.stringify(process.versions)']) ?? '{}') as Record<
    string,
    string
  > // Node's own
  const inside = Object.entries(versions)
    .filter(([name, version]) => !NOT_SOFTWARE.has(name) && version !== '')
    .map(([name, version]) => ({ name, version }))
  return { ...ofPart(part, 'MIT'), text: textsIn(part.directory), inside }
}

/** Returns ripgrep. The texts were collected for one version: another needs them anew. */
function ripgrepOf(part: Part): Component {
  interface List {
    package: string
    ripgrep: string
    licence: string
    parts: { name: string; version?: string; licence: string; kind: 'crate' | 'library' }[]
  }
  const { ripgrep, licence, ...list } = JSON.parse(readFileSync(join(TEXTS, 'ripgrep.json'), 'utf8')) as List // our own
  if (list.package !== part.version) {
    throw new Error(`scripts/build/licences is of ${part.name} ${list.package}, not ${part.version}: collect it anew`)
  }
  const itself = { name: 'ripgrep', version: ripgrep, licence, purl: `pkg:cargo/ripgrep@${ripgrep}` }
  const inside = list.parts.map(({ kind, ...linked }) => {
    const crate =
      kind === 'crate' ? { purl: `pkg:cargo/${linked.name}@${encodeURIComponent(linked.version ?? '')}` } : {}
    return { ...linked, ...crate }
  })
  const text = `${textsIn(part.directory)}\n\n${readFileSync(join(TEXTS, 'ripgrep.txt'), 'utf8')}`
  return { ...ofPart(part, 'MIT'), text, inside: [itself, ...inside] }
}

/** Returns koffi. The package of the native part has no licence text; koffi's own package has. */
function koffiOf(part: Part): Component {
  return { ...ofPart(part, 'MIT'), text: textsIn(join(MODULES, 'koffi')), inside: [] }
}

function ofPart({ name, version }: Part, licence: string): Omit<Component, 'text' | 'inside'> {
  return { name, version, licence, purl: npmUrl(name, version), integrity: locked(`node_modules/${name}`).integrity }
}

function textsIn(directory: string): string {
  const names = readdirSync(directory).filter((name) => LICENCE_FILE.test(name))
  if (names.length === 0) throw new Error(`${directory} has no licence text`)
  return names
    .toSorted()
    .map((name) => readFileSync(join(directory, name), 'utf8'))
    .join('\n\n')
}

function npmUrl(name: string, version: string): string {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`
}
