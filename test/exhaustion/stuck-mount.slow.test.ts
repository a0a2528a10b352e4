// A mount that never answers (Z-06): a FUSE file system whose server is this test, which reads no request.
// Calls into it hang until it lets go; all others go on.

import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startDaemon, type Reply } from '../support/daemon.ts'
import { ground } from '../support/mounting.ts'
import { NO_STUCK_MOUNTS, stuckMount } from '../support/stuck-mount.ts'

const HUNG = 64

t.test(
  'Z-06 64 calls hang in a mount that does not answer: everything else goes on',
  { skip: NO_STUCK_MOUNTS },
  async (t) => {
    const place = ground(t)
    const stuck = stuckMount(place)
    const daemon = await startDaemon(t)
    const file = join(daemon.directory, 'file')
    writeFileSync(file, 'here')
    let over = 0
    const paths = ['read', 'stat', 'raw'].map((what) => `/files/${what}?path=${stuck.point}/x`)
    const path = `${stuck.point}/x`
    const changes: readonly (readonly [string, object])[] = [
      ['write', { path, content: 'x', create_dirs: true }],
      ['mkdir', { path: `${path}/y` }],
      ['delete', { path }],
      ['chmod', { path, mode: '0600' }],
      ['move', { path, to: `${file}-moved` }],
      ['copy', { path: file, to: path }],
    ]
    const calls = [
      ...paths.map((one) => () => daemon.call('GET', one)),
      ...changes.map(
        ([what, body]) =>
          () =>
            daemon.call('POST', `/files/${what}`, body),
      ),
    ]
    const hung = Array.from({ length: HUNG }, async (_, index): Promise<Reply | undefined> => {
      const reply = await calls[index % calls.length]?.().catch(() => undefined)
      over++
      return reply
    })
    for (let round = 0; round < 20; round++) {
      t.match(await daemon.call('GET', `/files/read?path=${file}`), { status: 200, body: { content: 'here' } })
      t.match(await daemon.call('POST', '/files/write', { path: `${file}-${round}`, content: 'x' }), { status: 201 })
      t.equal((await daemon.call('GET', `/files?path=${daemon.directory}`)).status, 200)
    }
    t.match(await daemon.call('POST', '/exec', { command: ['cat', file] }), { body: { stdout: 'here' } })
    t.ok(readFileSync(`/proc/${daemon.pid}/status`, 'latin1').includes('State:'))
    t.comment(`${over} of ${HUNG} were refused or given up meanwhile`)
    stuck.letGo()
    // The kernel drops a mount without a server: a later call may find the directory below it.
    for (const reply of await Promise.all(hung)) {
      t.ok(reply !== undefined && reply.status !== 500, `${reply?.status} ${JSON.stringify(reply?.body)}`)
    }
    t.equal(await daemon.stop(), 0)
  },
)

t.test(
  'a mount that does not answer, made a moment ago or named by a link: everything else goes on',
  { skip: NO_STUCK_MOUNTS },
  async (t) => {
    const place = ground(t)
    const daemon = await startDaemon(t)
    const file = join(daemon.directory, 'file')
    writeFileSync(file, 'here')
    const hangs = (path: string): readonly (() => Promise<Reply>)[] => [
      () => daemon.call('POST', '/files/write', { path: `${path}/x`, content: 'x' }),
      () => daemon.call('POST', '/files/mkdir', { path: `${path}/x` }),
      () => daemon.call('POST', '/files/delete', { path: `${path}/x` }),
      () => daemon.call('POST', '/files/chmod', { path: `${path}/x`, mode: '0600' }),
      () =>
        daemon.call('POST', `/files/transfer/upload?format=raw&dest=${path}/x`, 'x', { 'content-type': 'text/plain' }),
      () => daemon.call('PUT', `/files/raw?path=${path}/x`, 'x', { 'content-type': 'text/plain' }),
      () => daemon.call('GET', `/files/read?path=${path}/x`),
      () => daemon.call('GET', `/files/search?q=x&path=${path}`),
      () => daemon.call('POST', '/files/transfer/download', { paths: [path] }),
    ]
    for (const index of hangs('').keys()) {
      // The daemon has just looked which file systems there are.
      t.match(await daemon.call('POST', '/files/write', { path: file, content: 'here' }), { status: 201 })
      const stuck = stuckMount(place, `stuck-${index}`)
      const link = join(daemon.directory, `link-${index}`)
      symlinkSync(stuck.point, link)
      const first = hangs(stuck.point)
        [index]?.()
        .catch(() => undefined)
      const more = Array.from({ length: 20 }, () =>
        hangs(link)
          [index]?.()
          .catch(() => undefined),
      )
      t.match(await daemon.call('GET', '/health'), { status: 200 })
      for (let round = 0; round < 3; round++) {
        t.match(await daemon.call('GET', `/files/read?path=${file}`), { status: 200, body: { content: 'here' } })
        t.match(await daemon.call('POST', '/files/write', { path: file, content: 'here' }), { status: 201 })
      }
      t.match(await daemon.call('POST', '/files/copy', { path: file, to: `${file}-${index}` }), { status: 200 })
      stuck.letGo()
      for (const reply of await Promise.all([first, ...more])) t.not(reply?.status, 500, JSON.stringify(reply?.body))
    }
    t.equal(await daemon.stop(), 0)
  },
)

t.test(
  'walks that wait in a mount which does not answer take no place of those elsewhere',
  { skip: NO_STUCK_MOUNTS },
  async (t) => {
    const place = ground(t)
    const stuck = stuckMount(place)
    const daemon = await startDaemon(t)
    mkdirSync(join(daemon.directory, 'tree'))
    writeFileSync(join(daemon.directory, 'tree/file'), 'here')
    const tree = join(daemon.directory, 'tree')
    let over = 0
    const hung = Array.from({ length: 24 }, async (_, index): Promise<Reply | undefined> => {
      const ways = [`/files?path=${stuck.point}`, `/files?path=${place.dir}&nested=true`]
      ways.push(`/files/search/files?q=x&path=${stuck.point}`)
      const reply = await daemon.call('GET', ways[index % ways.length] ?? '').catch(() => undefined)
      over++
      return reply
    })
    for (let round = 0; round < 5; round++) {
      t.match(await daemon.call('GET', `/files?path=${tree}`), { status: 200, body: { count: 1 } })
      t.match(await daemon.call('GET', `/files/search/files?q=file&path=${tree}`), { body: { files: ['file'] } })
    }
    t.equal(over, 0, 'the others wait')
    stuck.letGo()
    for (const reply of await Promise.all(hung)) t.not(reply?.status, 500, JSON.stringify(reply?.body))
    t.equal(await daemon.stop(), 0)
  },
)
