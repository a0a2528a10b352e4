// What the binaries that an executable is made of ask of a machine: glibc 2.28 and libstdc++6 at most.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { compareVersions, highestVersion, readElf } from '../../../scripts/build/elf.ts'
import { installedParts } from '../../../scripts/build/parts.ts'

const parts = installedParts(process.arch === 'arm64' ? 'arm64' : 'x64')

t.test('Node needs glibc 2.28, koffi no more, ripgrep nothing', async (t) => {
  const node = readElf(parts.node.file)
  t.equal(highestVersion('GLIBC', [node]), '2.28')
  t.ok(node.libraries.includes('libstdc++.so.6'))
  t.ok(node.versions.some(({ library, name }) => library === 'libc.so.6' && name === 'GLIBC_2.28'))
  const koffi = readElf(parts['koffi.node'].file)
  t.ok(compareVersions(highestVersion('GLIBC', [koffi]) ?? '', '2.28') <= 0)
  t.same(readElf(parts.rg.file), { arch: process.arch, libraries: [], versions: [] })
})

t.test('versions are compared number by number', async (t) => {
  const versions = ['GLIBC_2.9', 'GLIBC_2.28', 'GLIBC_2.3.4', 'GLIBCXX_3.4.21'].map((name) => ({ library: 'x', name }))
  t.equal(highestVersion('GLIBC', [{ arch: 'x64', libraries: [], versions }]), '2.28')
  t.equal(highestVersion('GCC', [{ arch: 'x64', libraries: [], versions }]), undefined)
  t.ok(compareVersions('2.3', '2.3.4') < 0)
  t.equal(compareVersions('2.28', '2.28.0'), 0)
})

t.test('what is no such file is said', async (t) => {
  const directory = t.testdir()
  for (const [name, content] of [
    ['script', '#!/bin/sh\n'.padEnd(64)],
    ['short', '\x7fELF'],
  ] as const) {
    writeFileSync(join(directory, name), content)
    t.throws(() => readElf(join(directory, name)), /not a 64-bit|cut short/)
  }
})
