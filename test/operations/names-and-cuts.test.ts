// Names in any case and of any bytes, wishes that contradict each other, and bytes that are cut: through the doors.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startDaemon, TOKEN } from '../support/daemon.ts'

t.setTimeout(120_000)

const shared = startDaemon(t)

function scratch(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'names-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

async function get(path: string, fields: Record<string, string | number | boolean>, headers = {}) {
  const daemon = await shared
  const query = Object.entries(fields).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
  return await daemon.call('GET', `${path}?${query.join('&')}`, undefined, headers)
}

t.test('names are found in any case, sigmas included', async (t) => {
  const path = scratch(t)
  writeFileSync(join(path, 'ΛΟΓΟΣ.txt'), '')
  writeFileSync(join(path, 'λογος.ΣΟΣ'), '')
  for (const q of ['ΛΟΓΟΣ', 'λογος', 'λογοσ', 'ΛΟΓΟ']) {
    t.equal((await get('/files/search/files', { path, q })).body.total_files, 2, q)
    t.equal((await get('/files', { path, path_filter: q })).body.count, 2, q)
  }
  for (const include_ext of ['σος', 'ΣΟΣ', '.σοσ']) t.equal((await get('/files', { path, include_ext })).body.count, 1)
  t.equal((await get('/files/search/files', { path, q: 'ΛΟΓΟΣ', case_sensitive: true })).body.total_files, 1)
})

t.test('names that are not UTF-8 are told once each, with their bytes', async (t) => {
  const path = scratch(t)
  const named = (...bytes: number[]) =>
    Buffer.concat([Buffer.from(`${path}/n`), Buffer.of(...bytes), Buffer.from('.c')])
  writeFileSync(named(0xe4), '')
  writeFileSync(named(0xf6), '')
  writeFileSync(named(0xff, 0x61), '')
  const { body } = await get('/files/search/files', { path, q: '.c' })
  t.strictSame(body.files, ['n\\xE4.c', 'n\\xF6.c', 'n\uFFFDa.c'])
  t.equal(body.total_files, 3)
  t.strictSame(
    new Set(body.lossy_names.map((one: { path_base64: string }) => one.path_base64)),
    new Set([named(0xe4), named(0xf6), named(0xff, 0x61)].map((bytes) => bytes.toString('base64'))),
  )
  writeFileSync(join(path, 'plain.c'), '')
  t.notOk('lossy_names' in (await get('/files/search/files', { path, q: 'plain' })).body)
})

t.test('of two wishes the one to see everything wins, on every walk', async (t) => {
  const path = scratch(t)
  writeFileSync(join(path, '.gitignore'), '*.log\n')
  writeFileSync(join(path, 'x.log'), 'needle\n')
  for (const no_gitignore of [undefined, true, false]) {
    for (const use_gitignore of [undefined, true, false]) {
      const wish = {
        ...(no_gitignore !== undefined && { no_gitignore }),
        ...(use_gitignore !== undefined && { use_gitignore }),
      }
      const seen = no_gitignore === true || use_gitignore === false ? 1 : 0
      const told = [
        (await get('/files/search/files', { path, q: '.log', ...wish })).body.total_files,
        (await get('/files/search', { path, q: 'needle', ...wish })).body.total_files,
        (await get('/files', { path, ...wish, path_filter: '.log' })).body.count,
      ]
      t.strictSame(told, [seen, seen, seen], JSON.stringify(wish))
    }
  }
})

t.test('a cut between characters is not what makes a text lossy', async (t) => {
  const path = join(scratch(t), 'f.json')
  for (const character of ['é', '漢', '𝕏']) {
    for (const shift of [0, 1, 2, 3]) {
      writeFileSync(path, 'x'.repeat(shift) + character.repeat(5000))
      const { body } = await get('/files/read', { path, max_bytes: 1000 })
      t.notOk('lossy' in body, `${character} + ${shift}`)
      t.notMatch(body.content, '\uFFFD')
      t.ok(Buffer.byteLength(body.content) > 996)
      t.equal(body.line_cut, true)
    }
  }
  writeFileSync(path, Buffer.alloc(5000, 0xe4))
  t.match((await get('/files/read', { path, max_bytes: 1000 })).body, { lossy: true, content: '\uFFFD'.repeat(1000) })
})

t.test('a range with empty members, a long suffix, the end of an empty file', async (t) => {
  const path = join(scratch(t), 'f')
  writeFileSync(path, '0123456789')
  const raw = async (range: string) => {
    const response = await fetch(`${(await shared).url}/files/raw?path=${encodeURIComponent(path)}`, {
      headers: { Authorization: `Bearer ${TOKEN}`, Range: range },
    })
    return [response.status, await response.text()]
  }
  t.strictSame(await raw('bytes=0-4,'), [206, '01234'])
  t.strictSame(await raw('bytes=,0-4 , ,'), [206, '01234'])
  t.strictSame(await raw('bytes=-99999999999999999999'), [206, '0123456789'])
  t.strictSame(await raw('bytes=2-99999999999999999999'), [206, '23456789'])
  t.equal((await raw('bytes=99999999999999999999-'))[0], 416)
  writeFileSync(path, '')
  t.strictSame(await raw('bytes=-5'), [200, ''])
  t.equal((await raw('bytes=-0'))[0], 416)
})

t.test('the facts of a file with its hash', async (t) => {
  const path = scratch(t)
  writeFileSync(join(path, 'f'), 'abc')
  mkdirSync(join(path, 'd'))
  const hash = createHash('sha256').update('abc').digest('hex')
  t.equal((await get('/files/stat', { path: join(path, 'f'), hash: true })).body.hash, hash)
  t.notOk('hash' in (await get('/files/stat', { path: join(path, 'f') })).body)
  t.notOk('hash' in (await get('/files/stat', { path: join(path, 'd'), hash: true })).body)
})
