// Watchers around a mount that does not answer: the daemon reports the one above it in time, and watchers on this
// machine's disks get their changes meanwhile.

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startDaemon, type Daemon } from '../support/daemon.ts'
import { ground } from '../support/mounting.ts'
import { fadingMount, NO_STUCK_MOUNTS, stuckMount } from '../support/stuck-mount.ts'
import { until } from '../support/until.ts'

t.setTimeout(180_000)

function folder(daemon: Daemon, name: string): string {
  const path = join(daemon.directory, name)
  mkdirSync(path)
  return path
}

async function hears(t: Test, daemon: Daemon, id: string, path: string): Promise<void> {
  let { cursor } = (await daemon.call('GET', `/watchers/${id}`)).body
  writeFileSync(path, 'x')
  await until(`${path} is told`, async () => {
    const { body } = await daemon.call('GET', `/watchers/${id}?since=${cursor}&wait_seconds=1`)
    cursor = body.cursor
    return (body.changes as { path: string }[]).some((change) => change.path === path)
  })
  t.pass(`${path} is told`)
}

t.test(
  'a watcher above a mount that does not answer keeps no other from opening or hearing',
  { skip: NO_STUCK_MOUNTS },
  async (t) => {
    const here = ground(t)
    const { letGo } = stuckMount(here)
    const daemon = await startDaemon(t)
    const first = folder(daemon, 'first')
    const { body: before } = await daemon.call('POST', '/watchers', { path: first })
    const link = join(daemon.directory, 'link')
    symlinkSync(here.dir, link)
    const above = [here.dir, link].map((path) => daemon.call('POST', '/watchers', { path }))
    const second = folder(daemon, 'second')
    const after = await daemon.call('POST', '/watchers', { path: second })
    t.equal(after.status, 201)
    await hears(t, daemon, before.id, join(first, 'a'))
    await hears(t, daemon, after.body.id, join(second, 'b'))
    for (const { status, body } of await Promise.all(above)) {
      t.equal(status, 504, JSON.stringify(body))
      t.match(body, { code: 'timeout', details: { limit_seconds: 10 } })
    }
    t.equal((await daemon.call('GET', '/watchers')).body.watchers.length, 2)
    letGo()
    t.equal(await daemon.stop(), 0)
  },
)

t.test(
  'a daemon ends although a watcher hangs in a mount that does not answer',
  { skip: NO_STUCK_MOUNTS },
  async (t) => {
    const here = ground(t)
    stuckMount(here)
    const daemon = await startDaemon(t)
    t.equal((await daemon.call('POST', '/watchers', { path: here.dir })).status, 504)
    t.equal(await daemon.stop(), 0)
  },
)

t.test(
  'a mount that comes below a watched directory and does not answer holds no other watcher up',
  { skip: NO_STUCK_MOUNTS },
  async (t) => {
    const here = ground(t)
    const daemon = await startDaemon(t)
    const near = folder(daemon, 'near')
    const { body: above } = await daemon.call('POST', '/watchers', { path: here.dir })
    const { body: other } = await daemon.call('POST', '/watchers', { path: near })
    const { letGo } = stuckMount(here)
    let now = above
    for (const end = Date.now() + 60_000; now.problem === undefined && now.active && Date.now() < end;) {
      now = (await daemon.call('GET', `/watchers/${above.id}?since=${now.cursor}&wait_seconds=2`)).body
    }
    t.match(now, { active: true, problem: /mounted inside the tree and is not watched/ })
    await hears(t, daemon, above.id, join(here.dir, 'beside'))
    await hears(t, daemon, other.id, join(near, 'a'))
    t.equal((await daemon.call('POST', '/watchers', { path: folder(daemon, 'third') })).status, 201)
    letGo()
    await until('all is watched again', async () => {
      const { body } = await daemon.call('GET', `/watchers/${above.id}`)
      return body.problem === undefined
    })
    await hears(t, daemon, above.id, join(here.dir, 'after'))
    t.equal(await daemon.stop(), 0)
  },
)

t.test(
  'a mount that answers and comes below a watched directory is watched, with all that was watched before',
  { skip: NO_STUCK_MOUNTS },
  async (t) => {
    const here = ground(t)
    const daemon = await startDaemon(t)
    const { body: above } = await daemon.call('POST', '/watchers', { path: here.dir })
    const { letGo } = fadingMount(here, 1_000_000)
    await until('the mount is watched', async () => {
      const { body } = await daemon.call('GET', `/watchers/${above.id}`)
      return body.dirs === 2 && body.problem === undefined
    })
    await hears(t, daemon, above.id, join(here.dir, 'beside'))
    await until('the gap and its end are counted', async () => {
      const { lost } = (await daemon.call('GET', '/health/detail')).body
      return lost.watcher_overflows > 0 && lost.watcher_resyncs > 0
    })
    const { body: second } = await daemon.call('POST', '/watchers', { path: here.dir })
    t.match(second, { active: true, dirs: 2 })
    letGo()
    t.equal(await daemon.stop(), 0)
  },
)
