// The judge by itself: which opened files and names are the daemon's own ground, by whatever way they were reached.

import { link, mkdir, mkdtemp, open, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Access } from '../../../../src/workspace/files/opening/access.ts'
import { withoutOwnGround } from '../../../../src/workspace/files/opening/own-ground.ts'
import { parseMounts } from '../../../../src/base/mountinfo.ts'
import { pathsOf } from '../../../../src/workspace/files/mounts/mount-table.ts'

interface Place {
  readonly top: string
  readonly state: string
  readonly secret: string
  readonly access: Access
}

async function openPlace(t: Test): Promise<Place> {
  const top = await realpath(await mkdtemp(join(tmpdir(), 'own-ground-')))
  t.teardown(() => rm(top, { recursive: true, force: true }))
  const state = join(top, 'home/state')
  await mkdir(join(state, 'deep'), { recursive: true })
  await writeFile(join(state, 'token'), 'the token')
  await writeFile(join(state, 'deep/er'), 'deeper')
  await mkdir(join(top, 'keys/v1'), { recursive: true })
  await writeFile(join(top, 'keys/v1/secret'), 'the secret')
  await symlink('v1/secret', join(top, 'keys/secret'))
  await writeFile(join(top, 'free'), 'free')
  const secret = join(top, 'keys/secret')
  return { top, state, secret, access: withoutOwnGround({ directories: [state], files: [secret] }) }
}

async function opens(access: Access, path: string, keepLink = false): Promise<string> {
  try {
    const handle = await access.open(path, keepLink)
    await handle.close()
    return 'open'
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

t.test('what was opened is told by where it lies, not by the path that led there', async (t) => {
  const { top, state, secret, access } = await openPlace(t)
  await symlink(state, join(top, 'way'))
  await symlink(join(state, 'nothing'), join(top, 'to-nothing'))
  await link(join(state, 'token'), join(top, 'second-name'))
  const refused = [
    state,
    join(state, 'token'),
    join(state, 'deep/er'),
    join(state, 'nothing'),
    join(state, 'token/below'),
    join(top, 'way'),
    join(top, 'way/token'),
    join(top, 'to-nothing'),
    join(top, 'second-name'),
    secret,
    join(top, 'keys/v1/secret'),
    `/proc/self/root${state}/token`,
    `/proc/thread-self/root${state}`,
    `/proc/${process.ppid}/root${state}/token`,
    '/proc/self/environ',
    '/proc/self/nothing',
    '/proc/thread-self/environ',
    `/proc/${process.pid}/task/${process.pid}/environ`,
    `/proc/${process.pid}`,
    '/proc/self/root/etc/hostname',
    '/proc/self/cwd',
    '/proc/self/fd/2',
    '/dev/fd/2',
    '/dev/stdin',
  ]
  for (const path of refused) t.equal(await opens(access, path), 'forbidden', path)
  const free = [
    top,
    join(top, 'free'),
    join(top, 'home'),
    join(top, 'keys'),
    '/',
    '/proc',
    `/proc/${process.ppid}/status`,
  ]
  for (const path of free) t.equal(await opens(access, path), 'open', path)
  t.equal(await opens(access, join(top, 'way'), true), 'open', 'the link itself is no own ground')
  t.equal(await opens(access, join(top, 'missing/below')), 'ENOENT')
})

t.test('a thread of ours is us under its own number too', async (t) => {
  const { access } = await openPlace(t)
  const { readdir } = await import('node:fs/promises')
  for (const thread of await readdir('/proc/self/task')) {
    t.equal(await opens(access, `/proc/${thread}/environ`), 'forbidden')
  }
})

t.test('what reaches everything below is refused above our ground, and names that are ours', async (t) => {
  const { top, state, access } = await openPlace(t)
  await using home = await open(join(top, 'home'))
  await using above = await open(top)
  await access.judge(home.fd, join(top, 'home'))
  await t.rejects(access.judge(home.fd, join(top, 'home'), 'tree'), { code: 'forbidden' })
  await t.rejects(access.judgeEntry(above.fd, 'home', join(top, 'home')), { code: 'forbidden' })
  await t.rejects(access.judgeEntry(home.fd, 'state', state), { code: 'forbidden' })
  await access.judgeEntry(home.fd, 'other', join(top, 'home/other'))
  await access.judgeEntry(above.fd, 'free', join(top, 'free'))
  await using keys = await open(join(top, 'keys'))
  await t.rejects(access.judgeEntry(keys.fd, 'secret', join(top, 'keys/secret')), { code: 'forbidden' })
  await t.rejects(access.judgeEntry(keys.fd, 'v1', join(top, 'keys/v1')), { code: 'forbidden' })
})

t.test('every link on the way to our ground is ours to replace', async (t) => {
  const { top, state } = await openPlace(t)
  await mkdir(join(top, 'mid'))
  await symlink('../home', join(top, 'mid/link'))
  await symlink(join(top, 'mid/link'), join(top, 'first'))
  const access = withoutOwnGround({ directories: [join(top, 'first/state')], files: [] })
  await using above = await open(top)
  await using mid = await open(join(top, 'mid'))
  await t.rejects(access.judgeEntry(above.fd, 'first', join(top, 'first')), { code: 'forbidden' })
  await t.rejects(access.judgeEntry(mid.fd, 'link', join(top, 'mid/link')), { code: 'forbidden' })
  await t.rejects(access.judgeEntry(above.fd, 'mid', join(top, 'mid')), { code: 'forbidden' })
  await t.rejects(access.judgeEntry(above.fd, 'home', join(top, 'home')), { code: 'forbidden' })
  t.equal(await opens(access, join(state, 'token')), 'forbidden')
  await access.judgeEntry(mid.fd, 'other', join(top, 'mid/other'))
})

t.test('a walk learns every name of what it leaves out', async (t) => {
  const { top, state, access } = await openPlace(t)
  await link(join(state, 'token'), join(top, 'second-name'))
  const { paths, ids } = await access.leftOut()
  t.ok(paths.includes(state))
  t.ok(paths.includes(`/proc/${process.pid}`))
  const { stat } = await import('node:fs/promises')
  const { dev, ino } = await stat(join(top, 'second-name'), { bigint: true })
  t.ok(ids.has(`${dev}:${ino}`))
})

t.test('a bind mount gives a place another path', async (t) => {
  const mounts = parseMounts(
    [
      '22 1 8:1 / / rw - ext4 /dev/sda1 rw',
      '30 22 8:1 /srv/st\\040ate/deep /mnt/a rw - ext4 /dev/sda1 rw',
      '31 22 8:1 /srv /mnt/b rw - ext4 /dev/sda1 rw',
      '32 22 8:2 /srv /mnt/c rw - ext4 /dev/sdb1 rw',
    ].join('\n'),
  )
  t.strictSame(pathsOf(mounts, { device: '8:1', path: '/srv/st ate' }), ['/srv/st ate', '/mnt/a', '/mnt/b/st ate'])
  t.match(parseMounts(await readFile('/proc/self/mountinfo', 'latin1')), [{ id: String, device: /^\d+:\d+$/ }])
})
