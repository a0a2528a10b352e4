// The directory that the daemon was started in is removed and made again, as people do with a project: everything goes
// on, and relative paths are below the new one.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startDaemon } from '../support/daemon.ts'
import { archive, member } from '../support/tar-writer.ts'
import { until } from '../support/until.ts'

t.test('the working directory is removed and made again', async (t) => {
  const dir = t.testdir({ project: { file: 'x' }, other: { file: 'needle' } })
  const project = join(dir, 'project')
  const other = join(dir, 'other')
  const daemon = await startDaemon(t, { cwd: project })
  rmSync(project, { recursive: true }) // by another program: a client of ours may not
  t.match(await daemon.call('POST', '/exec', { command: ['pwd'] }), { status: 400, body: { code: 'bad_cwd' } })
  const bytes = archive(member({ name: 'inside', content: 'y' }))
  const upload = (dest: string) =>
    daemon.call('POST', `/files/transfer/upload?dest=${dest}`, bytes, { 'content-type': 'application/x-tar' })
  t.match(await upload(other), { status: 200, body: { files_extracted: 1 } })
  t.match(await daemon.call('GET', `/files?path=${other}`), { status: 200, body: { count: 2 } })
  t.match(await daemon.call('GET', `/files/search/files?q=file&path=${other}`), {
    status: 200,
    body: { files: ['file'] },
  })
  t.match(await daemon.call('GET', `/files/search?q=needle&path=${other}`), { status: 200, body: { total_matches: 1 } })
  t.match(await daemon.call('POST', '/files/transfer/download', { paths: [other], format: 'tar' }), { status: 200 })
  t.match(await daemon.call('POST', '/watchers', { path: other }), { status: 201 })
  t.match(await daemon.call('POST', '/terminals', { cwd: other }), { status: 201 })
  const exec = { command: ['pwd'], cwd: other }
  t.match(await daemon.call('POST', '/exec', exec), { body: { stdout: `${other}\n` } })
  mkdirSync(project)
  t.match(await upload('new'), { status: 200, body: { dest: join(project, 'new') } })
  t.equal(readFileSync(join(project, 'new/inside'), 'utf8'), 'y')
  t.match(await daemon.call('POST', '/exec', { command: ['pwd'] }), { body: { stdout: `${project}\n` } })
  t.equal(await daemon.stop(), 0)
})

t.test('files of the configuration that are named from the first directory are found later too', async (t) => {
  const dir = t.testdir({ token: 'the-first-token-of-this-daemon-1234567' })
  const daemon = await startDaemon(t, { cwd: dir, args: ['--token-file', 'token'] })
  const ask = async (token: string): Promise<number> => {
    const headers = { authorization: `Bearer ${token}` }
    return (await fetch(`${daemon.url}/files/stat?path=${dir}`, { headers })).status
  }
  t.equal(await ask('the-first-token-of-this-daemon-1234567'), 200)
  writeFileSync(join(dir, 'token'), 'another-token-of-this-daemon-7654321')
  await until('the new token is taken', async () => (await ask('another-token-of-this-daemon-7654321')) === 200)
})
