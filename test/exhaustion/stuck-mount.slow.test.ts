// A mount that never answers (reliability Z-06): a FUSE file system whose server is this test, which reads no request.
// Calls into it hang until it lets go; all others go on.

import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startDaemon, type Reply } from '../support/daemon.ts'
import { ground, NO_MOUNTS, type Ground } from '../support/mounting.ts'

const HUNG = 64

/** Mounts it; what it returns lets go of everybody who waits. */
function stuckMount({ dir, undo }: Ground): { point: string; letGo: () => void } | undefined {
  const point = join(dir, 'stuck')
  mkdirSync(point)
  let device: number
  try {
    device = openSync('/dev/fuse', 'r+')
  } catch {
    return undefined
  }
  let open = true
  const letGo = (): void => {
    if (open) closeSync(device)
    open = false
  }
  const options = 'fd=3,rootmode=40000,user_id=0,group_id=0'
  // -i: no program of FUSE's own, which may not be installed; the kernel needs none.
  const stdio = ['ignore', 'ignore', 'ignore', device] as const
  const { status } = spawnSync('mount', ['-i', '-t', 'fuse', '-o', options, 'stuck', point], { stdio: [...stdio] })
  if (status !== 0) {
    letGo()
    return undefined
  }
  undo.push(() => spawnSync('umount', ['-l', point]), letGo)
  return { point, letGo }
}

t.test(
  'Z-06 64 reads hang in a mount that does not answer: everything else goes on',
  { skip: NO_MOUNTS },
  async (t) => {
    const place = ground(t)
    const stuck = stuckMount(place)
    if (stuck === undefined) return void t.pass('needs a capability', { skip: 'no FUSE in this kernel' })
    const daemon = await startDaemon(t)
    const file = join(daemon.directory, 'file')
    writeFileSync(file, 'here')
    let over = 0
    const paths = ['read', 'stat', 'raw'].map((what) => `/files/${what}?path=${stuck.point}/x`)
    const hung = Array.from({ length: HUNG }, async (_, index): Promise<Reply | undefined> => {
      const reply = await daemon.call('GET', paths[index % paths.length] ?? '').catch(() => undefined)
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
    for (const reply of await Promise.all(hung)) t.ok(reply !== undefined && reply.status >= 400, `${reply?.status}`)
    t.equal(await daemon.stop(), 0)
  },
)
