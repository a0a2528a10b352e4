// A credential with limited scopes stays outside of the daemon's own files, through every door that takes a path and
// under every name. Rows are doors, columns are own files; each cell is 403, or the entries that were left out.

import { link, mkdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { until } from '../support/until.ts'
import { archive, member } from '../support/tar-writer.ts'
import { callerOf, HS256, READING, WALKING, WRITING, type Place } from './own-ground-doors.ts'

/** Stands in every file that is ours. */
const CANARY = 'canary-of-the-ground'

interface Stand {
  readonly daemon: Daemon
  readonly places: readonly Place[]
  readonly state: string
  readonly free: string
}

async function openStand(t: Test): Promise<Stand> {
  const top = t.testdir({ work: { 'free.txt': 'free text' }, keys: {}, ours: {} })
  const secret = join(top, 'keys/secret')
  await writeFile(secret, HS256)
  const daemon = await startDaemon(t, {
    config: { jwt: { secret_file: secret }, toolsets: ['default', 'files'] },
    env: { XDG_STATE_HOME: join(top, 'ours/state'), XDG_CACHE_HOME: join(top, 'ours/cache') },
    cwd: join(top, 'work'),
  })
  const state = join(top, 'ours/state/workspace-runtime')
  const cache = join(top, 'ours/cache/workspace-runtime')
  for (const directory of [state, cache]) await mkdir(directory, { recursive: true, mode: 0o700 })
  await writeFile(join(state, 'token'), CANARY)
  await writeFile(join(cache, 'file'), CANARY)
  const config = join(daemon.directory, 'config.json')
  return {
    daemon,
    state,
    free: join(top, 'work/free.txt'),
    places: [
      { name: 'state directory token', path: join(state, 'token'), above: join(top, 'ours') },
      { name: 'cache file', path: join(cache, 'file'), above: join(top, 'ours') },
      { name: 'jwt secret', path: secret, above: join(top, 'keys') },
      { name: 'configuration', path: config, above: daemon.directory },
      { name: '/proc/self/environ', path: '/proc/self/environ', above: `/proc` },
    ],
  }
}

function isSecret(text: string): boolean {
  return [CANARY, TOKEN, Buffer.from(HS256).toString('latin1'), 'secret_file'].some((one) => text.includes(one))
}

t.test('what reads is refused for every file that is ours', async (t) => {
  const { daemon, places, free } = await openStand(t)
  for (const { name, scope, go } of READING) {
    for (const place of places) {
      const answer = await go(callerOf(daemon, scope), { path: place.path, free })
      t.equal(answer.status, 403, `${name} of ${place.name}`)
      t.notOk(isSecret(answer.text), `${name} of ${place.name} tells nothing`)
    }
  }
})

t.test('what writes is refused for every file that is ours, and changes nothing', async (t) => {
  const { daemon, places, free } = await openStand(t)
  const contents = async () => await Promise.all(places.slice(0, 4).map(({ path }) => readFile(path, 'latin1')))
  const before = await contents()
  for (const { name, scope, go } of WRITING) {
    for (const place of [...places, { name: 'oom_score_adj', path: '/proc/self/oom_score_adj' }]) {
      const answer = await go(callerOf(daemon, scope), { path: place.path, free })
      t.equal(answer.status, 403, `${name} of ${place.name}`)
      t.notOk(isSecret(answer.text), `${name} of ${place.name} tells nothing`)
    }
    t.strictSame(await contents(), before, `${name} has changed nothing`)
  }
})

t.test('a walk from above leaves out what is ours', async (t) => {
  const { daemon, places, free, state } = await openStand(t)
  await link(join(state, 'token'), join(places[0]?.above ?? '', 'second-name'))
  for (const { name, scope, go } of WALKING) {
    for (const { name: place, path, above } of places) {
      const answer = await go(callerOf(daemon, scope), { path: above, free })
      if (above === '/proc' && name.includes('download')) continue // refused for everybody: nothing there can be packed
      t.ok(answer.status < 300, `${name} above ${place}: ${answer.status} ${answer.text.slice(0, 300)}`)
      t.notOk(isSecret(answer.text), `${name} above ${place} tells nothing`)
      t.notOk(answer.text.includes(path), `${name} above ${place} does not name it`)
    }
  }
})

t.test('the way to a file makes no difference, and 403 does not tell whether anything is there', async (t) => {
  const { daemon, state, free } = await openStand(t)
  const top = join(free, '..')
  await symlink(state, join(top, 'to-state'))
  await symlink(join(state, 'token'), join(top, 'to-token'))
  await symlink(join(state, 'nothing'), join(top, 'to-nothing'))
  await link(join(state, 'token'), join(top, 'hard'))
  const ways = [
    join(state, 'nothing'),
    join(state, 'token/nothing'),
    `${state}/`,
    `${state}/x/../token`,
    join(top, 'to-state/token'),
    join(top, 'to-token'),
    join(top, 'to-nothing'),
    join(top, 'hard'),
    `/proc/self/root${state}/token`,
    `/proc/thread-self/root${state}/token`,
    `/proc/${daemon.pid}/root${state}/token`,
    `/proc/${daemon.pid}/environ`,
    `/proc/${daemon.pid}/task/${daemon.pid}/environ`,
    `/proc/${daemon.pid}/mem`,
    '/proc/self/cwd/free.txt',
    '/proc/self/fd/2',
    '/dev/fd/2',
    '/proc/self/nothing',
  ]
  for (const path of ways) {
    for (const { name, scope, go } of [
      ...READING,
      ...WRITING.filter(({ name: door }) => !/mkdir| to$|tar/.test(door)),
    ]) {
      // The link itself is not ours: it may be looked at, and goes where it is put.
      if (/\/to-(state|token|nothing)$/.test(path) && /stat|move|copy|chmod|elete|download/.test(name)) continue
      const answer = await go(callerOf(daemon, scope), { path, free })
      t.equal(answer.status, 403, `${name} of ${path}: ${answer.text.slice(0, 200)}`)
    }
  }
})

t.test('the full token and a JWT without a scope keep everything', async (t) => {
  const { daemon, places } = await openStand(t)
  for (const { path, name } of places) {
    const { status } = await daemon.call('GET', `/files/read?path=${encodeURIComponent(path)}`)
    t.equal(status, 200, name)
    t.equal((await callerOf(daemon, undefined).rest('GET', `/files/raw?path=${encodeURIComponent(path)}`)).status, 200)
  }
})

t.test('what the owner watches of the daemon is told to no narrow credential', async (t) => {
  const { daemon, places, state } = await openStand(t)
  const root = places[0]?.above ?? ''
  const { body } = await daemon.call('POST', '/watchers', { path: root, default_excludes: false })
  await writeFile(join(state, 'token'), 'changed by the owner')
  await writeFile(join(root, 'free'), 'free')
  const question = `/watchers/${body.id}?since=${body.cursor}&wait_seconds=5`
  let all = ''
  await until('the owner hears of the free file', async () => {
    all = (await callerOf(daemon, undefined).rest('GET', question)).text
    return all.includes(join(root, 'free'))
  })
  t.ok(all.includes(join(state, 'token')), 'the owner hears of it')
  const { text } = await callerOf(daemon, 'watch').rest('GET', question)
  t.ok(text.includes(join(root, 'free')))
  t.notOk(text.includes(join(state, 'token')))
})

t.test('a link between other links on the way to the state directory stays where it is', async (t) => {
  const top = t.testdir({
    home: {},
    keys: {},
    work: {},
    links: { middle: t.fixture('symlink', '../home'), first: t.fixture('symlink', 'middle') },
  })
  const secret = join(top, 'keys/secret')
  await writeFile(secret, HS256)
  const daemon = await startDaemon(t, {
    config: { jwt: { secret_file: secret } },
    env: { XDG_STATE_HOME: join(top, 'links/first') },
    cwd: join(top, 'work'),
  })
  const writer = callerOf(daemon, 'files:write')
  for (const link of ['links/first', 'links/middle']) {
    const path = join(top, link)
    const gone = await writer.rest('DELETE', `/files/delete?path=${encodeURIComponent(path)}`)
    const moved = await writer.rest('POST', '/files/move', { path, to: join(top, 'work/elsewhere') })
    const packed = archive(member({ name: link, type: '2', linkName: '../work' }))
    const put = await writer.rest('POST', `/files/transfer/upload?dest=${encodeURIComponent(top)}`, packed)
    t.strictSame([gone.status, moved.status, put.status], [403, 403, 403], link)
    t.not(await readlink(path), '../work', `${link} leads where it led`)
  }
})
