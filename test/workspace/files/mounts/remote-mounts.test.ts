// Which mounts may not answer, and whether a path leads to one, without touching it.

import { closeSync, mkdirSync, openSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseMounts } from '../../../../src/base/mountinfo.ts'
import { mountBehind } from '../../../../src/workspace/files/mounts/mount-table.ts'
import { devicesOf, remoteMountsNow, remotePoints } from '../../../../src/workspace/files/mounts/remote-mounts.ts'
import { ground } from '../../../support/mounting.ts'
import { NO_STUCK_MOUNTS, stuckMount } from '../../../support/stuck-mount.ts'

const line = (point: string, type: string, source: string, options = 'rw'): string =>
  `30 1 0:30 / ${point} rw,relatime - ${type} ${source} ${options}`

t.test('network and user-space file systems, and what is stacked on them', async (t) => {
  const table = [
    line('/', 'ext4', '/dev/vda'),
    line('/far', 'nfs4', 'server:/x'),
    line('/a\\040b', 'fuse.sshfs', 'host:/y'),
    line('/over', 'overlay', 'overlay', 'rw,lowerdir=/usr:/far/lower,upperdir=/u,workdir=/w'),
    line('/upper', 'overlay', 'overlay', 'rw,lowerdir=/usr,upperdir=/a\\134040b/u,workdir=/w'),
    line('/twice', 'overlay', 'overlay', 'rw,lowerdir+=/over/x,lowerdir+=/usr'),
    line('/near', 'overlay', 'overlay', 'rw,lowerdir=l/1:l/2:/usr,upperdir=/u,workdir=/w'),
    line('/auto', 'autofs', 'systemd-1'),
  ]
  t.same([...remotePoints(parseMounts(table.join('\n')))].sort(), ['/a b', '/auto', '/far', '/over', '/twice'])
  t.same(
    [...remotePoints(parseMounts([line('/', 'fuse.fuse-overlayfs', 'x'), table[1]].join('\n')))],
    ['/far'],
    'not the root',
  )
})

t.test('their devices are those that stat tells', async (t) => {
  const table = readFileSync('/proc/self/mountinfo', 'utf8')
  const shown = table.replaceAll(/ - proc /g, ' - fuse ')
  t.ok(devicesOf(parseMounts(shown), new Set()).has(statSync('/proc', { bigint: true }).dev))
  t.notOk(devicesOf(parseMounts(table), new Set()).has(statSync('/proc', { bigint: true }).dev))
  t.ok(devicesOf(parseMounts(table), new Set(['/proc'])).has(statSync('/proc', { bigint: true }).dev))
})

t.test('a path is followed up to the mount, through links and dots', async (t) => {
  const dir = t.testdir({ a: { b: {} }, file: '' })
  const far = join(dir, 'far')
  mkdirSync(far)
  symlinkSync(far, join(dir, 'a/link'))
  symlinkSync('link/x', join(dir, 'a/chain'))
  symlinkSync('../../a', join(dir, 'a/b/up'))
  symlinkSync('loop', join(dir, 'loop'))
  const mounts = new Set([far])
  for (const path of [
    'far',
    'far/',
    'far/x/y',
    'a/link',
    'a/link/x',
    'a/chain',
    'a/b/up/../a/chain',
    './a//b/../link',
  ]) {
    t.equal(mountBehind(`${dir}/${path}`, mounts), far, path)
  }
  for (const path of ['', 'a/b', 'file', 'file/x', 'none/../far', 'farther', 'loop', 'a/b/up/b']) {
    t.equal(mountBehind(`${dir}/${path}`, mounts), undefined, path)
  }
  const [near, held] = [openSync(join(dir, 'a'), 'r'), openSync(far, 'r')]
  t.equal(mountBehind(`/proc/self/fd/${near}/b`, mounts), undefined, 'a directory that we hold')
  t.equal(mountBehind(`/proc/self/fd/${near}/link/x`, mounts), far)
  t.equal(mountBehind(`/proc/${process.pid}/fd/${held}/x`, mounts), far)
  for (const fd of [near, held]) closeSync(fd)
  t.equal(mountBehind('/proc/self/root/usr', mounts), `/proc/${process.pid}/root`, 'leads where its text does not say')
})

t.test('a mount made this moment is known, and one undone is not', { skip: NO_STUCK_MOUNTS }, async (t) => {
  const here = ground(t)
  const before = remoteMountsNow().size
  const stuck = stuckMount(here)
  t.ok(remoteMountsNow().has(stuck.point))
  stuck.letGo()
  t.equal(remoteMountsNow().size, before)
})
