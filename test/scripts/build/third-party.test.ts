// Licences and the bill of materials: everything inside is named once, with its version, licence and text.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { locked, withDependencies } from '../../../scripts/build/lock.ts'
import { installedParts } from '../../../scripts/build/parts.ts'
import { sbom } from '../../../scripts/build/sbom.ts'
import { licencesText, thirdParty } from '../../../scripts/build/third-party.ts'

const ROOT = join(import.meta.dirname, '../../..')
const parts = installedParts(process.arch === 'arm64' ? 'arm64' : 'x64')
const components = thirdParty(parts, ['node_modules/ws', 'node_modules/tar'], parts.node.file)
const time = new Date(1_700_000_000_000)
const facts = { version: '1.2.3', commit: 'abc', ripgrep: '15.0.0' }
const subject = { facts, arch: 'x64', licence: 'MIT', sha256: '0'.repeat(64), time }

interface Listed {
  readonly 'bom-ref': string
  readonly name: string
  readonly version?: string
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[]
  readonly components?: readonly Listed[]
}

t.test('a package brings those it depends on', async (t) => {
  const found = withDependencies(['node_modules/tar'])
  for (const name of ['tar', 'minipass', 'minizlib', 'chownr', 'yallist', '@isaacs/fs-minipass']) {
    t.ok(found.includes(`node_modules/${name}`), name)
  }
  t.same(found, found.toSorted())
})

t.test('every component has its licence text', async (t) => {
  const names = components.map(({ name }) => name)
  for (const name of [parts.node.name, parts.rg.name, parts['koffi.node'].name, 'ws', 'tar', 'minipass']) {
    t.ok(names.includes(name), name)
  }
  for (const { name, text } of components) t.ok(text.length > 400, name)
  const text = licencesText(components)
  const expected = [
    'Copyright Node.js contributors',
    'Niels Martignène',
    'Andrew Gallant',
    'PCRE2',
    'jemalloc',
    'OpenSSL',
  ]
  for (const piece of expected) t.ok(text.includes(piece), piece)
})

t.test('the texts kept here are of the ripgrep that is embedded', async (t) => {
  const list = JSON.parse(readFileSync(join(ROOT, 'scripts/build/licences/ripgrep.json'), 'utf8'))
  t.equal(list.package, locked(`node_modules/${parts.rg.name}`).version)
  const text = readFileSync(join(ROOT, 'scripts/build/licences/ripgrep.txt'), 'utf8')
  for (const { name } of list.parts) t.ok(text.includes(name), name)
  // The sources' paths are in the binary.
  const binary = readFileSync(parts.rg.file, 'latin1')
  const crates = new Set(binary.match(/(?<=\/(?:index\.crates\.io-[0-9a-f]+|deps)\/)[\w-]+-\d+\.\d+\.\d+(?=\/)/g))
  t.ok(crates.size > 10, 'they are found')
  const listed = list.parts.map(({ name, version }: { name: string; version: string }) => `${name}-${version}`)
  for (const crate of crates) t.ok(listed.includes(crate), crate)
})

t.test('the bill names each once, with the hash of package-lock.json', async (t) => {
  const text = sbom(subject, components)
  t.equal(sbom(subject, components), text)
  const bill = JSON.parse(text)
  t.match(bill, { bomFormat: 'CycloneDX', specVersion: '1.6', metadata: { timestamp: '2023-11-14T22:13:20.000Z' } })
  const all: Listed[] = bill.components.flatMap((one: Listed) => [one, ...(one.components ?? [])])
  const refs = all.map((one) => one['bom-ref'])
  t.equal(new Set(refs).size, refs.length)
  for (const name of ['v8', 'openssl', 'uv', 'ripgrep', 'PCRE2'])
    t.ok(
      all.some((one) => one.name === name),
      name,
    )
  const ws = all.find(({ name }) => name === 'ws')
  const { version, integrity } = locked('node_modules/ws')
  const content = Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex')
  t.match(ws, { version, hashes: [{ alg: 'SHA-512', content }] })
  const known = new Set([...refs, bill.metadata.component['bom-ref']])
  for (const { ref, dependsOn } of bill.dependencies) {
    for (const name of [ref, ...dependsOn]) t.ok(known.has(name), name)
  }
})
