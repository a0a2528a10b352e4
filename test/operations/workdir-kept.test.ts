// The working directory, and what it is in, is neither deleted nor moved, whatever the path is spelled like.

import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DOORS } from '../contract/doors.ts'
import { startDaemon, type Daemon } from '../support/daemon.ts'

t.setTimeout(120_000)

interface Place {
  readonly daemon: Daemon
  /** As configured: it goes through the link `by`. */
  readonly workdir: string
  readonly base: string
}

async function place(t: Test): Promise<Place> {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'workdir-')))
  t.teardown(() => rmSync(base, { recursive: true, force: true }))
  mkdirSync(join(base, 'real/w/sub'), { recursive: true })
  writeFileSync(join(base, 'real/w/kept'), 'kept')
  symlinkSync('real', join(base, 'via'))
  symlinkSync('via', join(base, 'by'))
  const workdir = join(base, 'by/w')
  return { daemon: await startDaemon(t, { args: ['--workdir', workdir] }), workdir, base }
}

const SPELLINGS = ({ base, workdir }: Place): readonly string[] => [
  '.',
  './',
  './.',
  '..',
  '../',
  'sub/..',
  '../w',
  '../..',
  workdir,
  `${workdir}/`,
  `${workdir}/.`,
  `${workdir}/sub/../../w/`,
  base,
  `/proc/self/root${base}/real/w`,
  join(base, 'by'),
  join(base, 'by/'),
  join(base, 'via'),
  join(base, 'via/w'),
  join(base, 'real'),
  join(base, 'real/w/.'),
]

t.test('the working directory is not deleted under any name, nor is what holds it', async (t) => {
  const where = await place(t)
  for (const path of SPELLINGS(where)) {
    for (const [name, door] of Object.entries(DOORS)) {
      const asks = { method: 'POST', path: '/files/delete', body: { path }, tool: 'file_delete', args: { path } }
      const { ok, body } = await door(where.daemon, asks)
      t.match({ ok, body }, { ok: false, body: { code: 'bad_request', details: { field: 'path' } } }, `${name} ${path}`)
      t.match(body['error'], /^path ".+" is the working directory.*which is not deleted; accepted is a path below it/)
    }
    const query = await where.daemon.call('DELETE', `/files/delete?path=${encodeURIComponent(path)}`)
    t.equal(query.status, 400, `query ${path}`)
    t.equal((await where.daemon.call('DELETE', '/files/delete', { path })).status, 400, `body ${path}`)
    t.ok(existsSync(join(where.workdir, 'kept')), path)
    t.ok(existsSync(join(where.workdir, 'sub')), path)
  }
})

t.test('nor is it moved', async (t) => {
  const where = await place(t)
  for (const path of SPELLINGS(where)) {
    const to = join(tmpdir(), `moved-${process.pid}`)
    const { status, body } = await where.daemon.call('POST', '/files/move', { path, to })
    t.match({ status, body }, { status: 400, body: { code: 'bad_request' } }, path)
    t.match(body.error, /is the working directory.*which is not moved/, path)
    t.notOk(existsSync(to))
    t.ok(existsSync(join(where.workdir, 'kept')), path)
  }
})

t.test('a link to it, what lies below it and what lies beside it are deleted as ever', async (t) => {
  const { daemon, workdir, base } = await place(t)
  symlinkSync(workdir, join(base, 'link'))
  mkdirSync(join(base, 'real/w2'))
  for (const path of [join(base, 'link'), 'sub', 'kept', '../w2', join(base, 'by/w/never')]) {
    const { status } = await daemon.call('DELETE', '/files/delete', { path })
    t.equal(status, path.endsWith('never') ? 404 : 200, path)
  }
  t.ok(existsSync(workdir))
  t.notOk(existsSync(join(workdir, 'sub')))
})
