// Calls that hang in a mount which does not answer: each is answered within a limit of time, and those for this
// machine's disks, and for another mount, find their places free meanwhile, however many hang.

import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startDaemon, type Daemon, type Reply } from '../support/daemon.ts'
import { ground } from '../support/mounting.ts'
import { fadingMount, NO_STUCK_MOUNTS, stuckMount } from '../support/stuck-mount.ts'
import { header } from '../support/tar-writer.ts'

t.setTimeout(240_000)

const ARCHIVE = Buffer.concat([header({ name: 'one', size: 1 }), Buffer.alloc(3 * 512, 'x').fill(0, 1)])

type Ask = readonly [method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>]

/** Of each kind: more than any of the pools has places. */
const HUNG = 20

const JSON_WAYS = (at: string, file: string): Readonly<Record<string, Ask>> => ({
  read: ['GET', `/files/read?path=${at}/x`],
  stat: ['GET', `/files/stat?path=${at}/x`],
  raw: ['GET', `/files/raw?path=${at}/x`],
  write: ['POST', '/files/write', { path: `${at}/x`, content: 'x', create_dirs: true }],
  mkdir: ['POST', '/files/mkdir', { path: `${at}/x/y` }],
  delete: ['POST', '/files/delete', { path: `${at}/x` }],
  chmod: ['POST', '/files/chmod', { path: `${at}/x`, mode: '0600' }],
  move: ['POST', '/files/move', { path: `${at}/x`, to: `${file}-moved` }],
  copy: ['POST', '/files/copy', { path: file, to: `${at}/x` }],
  list: ['GET', `/files?path=${at}`],
  tree: ['GET', `/files?path=${at}&nested=true`],
  names: ['GET', `/files/search/files?q=x&path=${at}`],
  search: ['GET', `/files/search?q=x&path=${at}`],
  watch: ['POST', '/watchers', { path: at }],
})

/** `watches` false: openings that hang count under the limit of five watchers until they end in time. */
async function ordinary(t: Test, daemon: Daemon, dir: string, watches = true): Promise<number> {
  const file = join(dir, 'file')
  let slowest = 0
  const asks: readonly Ask[] = [
    ['GET', `/files/read?path=${file}`],
    ['GET', `/files/stat?path=${file}`],
    ['POST', '/files/write', { path: join(dir, 'other'), content: 'x' }],
    ['GET', `/files?path=${dir}&nested=true`],
    ['GET', `/files/search?q=here&path=${dir}`],
    ['GET', `/files/search/files?q=file&path=${dir}`],
    ['POST', '/files/transfer/download', { paths: [file] }],
    ['POST', '/exec', { command: ['true'] }],
  ]
  for (const ask of asks) {
    const began = performance.now()
    const reply = await daemon.call(...ask)
    slowest = Math.max(slowest, performance.now() - began)
    t.ok(reply.status < 300, `${ask[1]}: ${reply.status} ${JSON.stringify(reply.body)}`)
  }
  if (!watches) return slowest
  const { body } = await daemon.call('POST', '/watchers', { path: dir })
  t.equal((await daemon.call('DELETE', `/watchers/${body.id}`)).status, 200)
  return slowest
}

t.test(
  'beside a mount that does not answer, forty writes of one file at once all have their answer',
  { skip: NO_STUCK_MOUNTS },
  async (t) => {
    stuckMount(ground(t))
    const daemon = await startDaemon(t)
    const path = join(daemon.directory, 'file')
    writeFileSync(path, 'old')
    const expected = createHash('sha256').update('old').digest('hex')
    const write = (i: number) => daemon.call('POST', '/files/write', { path, content: `${i}`, expected_hash: expected })
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => write(i)))
    t.equal(answers.filter(({ status }) => status === 201).length, 1)
    t.equal(answers.filter(({ status }) => status === 412).length, 39)
  },
)

t.test(
  'calls into a mount that does not answer end in time and take no other place',
  { skip: NO_STUCK_MOUNTS },
  async (t) => {
    const here = ground(t)
    const { point, letGo } = stuckMount(here)
    const other = fadingMount(here, 100_000)
    const daemon = await startDaemon(t)
    const dir = join(daemon.directory, 'tree')
    mkdirSync(dir)
    writeFileSync(join(dir, 'file'), 'here')
    const before = await ordinary(t, daemon, dir)
    const ways = Object.entries(JSON_WAYS(point, join(dir, 'file')))
    const hung = ways.flatMap(([name, ask]) =>
      Array.from({ length: HUNG }, async () => ({ name, ...(await daemon.call(...ask)) })),
    )
    const during = await ordinary(t, daemon, dir, false)
    t.comment(
      `the slowest ordinary call took ${before.toFixed(0)} ms before, ${during.toFixed(0)} ms beside ${hung.length} that hang`,
    )
    t.equal((await daemon.call('GET', `/files/stat?path=${other.point}`)).status, 200, 'another mount')
    const statuses = new Map<string, number>()
    for (const { name, status, body } of await Promise.all(hung)) {
      statuses.set(`${name} ${status}`, (statuses.get(`${name} ${status}`) ?? 0) + 1)
      t.ok(
        [504, 503, 429].includes(status) ||
          (name === 'watch' && status === 409) ||
          (name === 'search' && body['timed_out'] === true),
        `${name}: ${status} ${JSON.stringify(body)}`,
      )
    }
    t.comment([...statuses].map(([status, count]) => `${count} × ${status}`).join(', '))
    await ordinary(t, daemon, dir)
    letGo()
    other.letGo()
    t.equal(await daemon.stop(), 0)
  },
)

t.test('uploads and downloads that hang take no place of others', { skip: NO_STUCK_MOUNTS }, async (t) => {
  const here = ground(t)
  const { point, letGo } = stuckMount(here)
  const daemon = await startDaemon(t)
  const dir = join(daemon.directory, 'tree')
  mkdirSync(dir)
  writeFileSync(join(dir, 'file'), 'here')
  const tar = { 'content-type': 'application/x-tar' }
  const up = (dest: string): Promise<Reply> => daemon.call('POST', `/files/transfer/upload?dest=${dest}`, ARCHIVE, tar)
  const hung = Array.from({ length: 8 }, () => up(`${point}/x`))
  hung.push(...Array.from({ length: 8 }, () => daemon.call('POST', '/files/transfer/download', { paths: [here.dir] })))
  t.equal((await up(join(dir, 'up'))).status, 200)
  t.equal((await daemon.call('POST', '/files/transfer/download', { paths: [dir] })).status, 200)
  await ordinary(t, daemon, dir)
  const ended = await Promise.allSettled(hung)
  for (const one of ended) {
    if (one.status === 'fulfilled') t.not(one.value.status, 500, JSON.stringify(one.value.body))
  }
  letGo()
  t.equal(await daemon.stop(), 0)
})
