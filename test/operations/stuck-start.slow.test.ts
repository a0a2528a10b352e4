// A command or terminal whose start would wait for a file system that does not answer: the caller is told so after
// a limit of time, everything else goes on meanwhile, and nothing is started later.

import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startDaemon, type Daemon, type Reply } from '../support/daemon.ts'
import { ground } from '../support/mounting.ts'
import { fadingMount, NO_STUCK_MOUNTS, stuckMount, type StuckMount } from '../support/stuck-mount.ts'
import { until } from '../support/until.ts'

const PATH = '/usr/bin:/bin'
t.setTimeout(240_000)

interface Ways {
  readonly point: string
  readonly dir: string
}

/** What of a start may lie there; `dir` is a directory of this machine's own. */
const WAYS: Readonly<Record<string, (ways: Ways) => object>> = {
  'working directory': ({ point }) => ({ command: ['true'], cwd: point }),
  'directory below it': ({ point }) => ({ command: ['true'], cwd: `${point}/a/b` }),
  'link to it': ({ dir }) => ({ command: ['true'], cwd: join(dir, 'link') }),
  'link and dots': ({ dir }) => ({ command: ['true'], cwd: join(dir, 'deep/up/../link/x') }),
  program: ({ point }) => ({ command: [`${point}/program`] }),
  'program behind a link': ({ dir }) => ({ command: [join(dir, 'tool')] }),
  'relative program': ({ dir }) => ({ command: ['./link/program'], cwd: dir }),
  'folder of PATH': ({ point }) => ({ command: ['true'], env: { PATH: `${point}/bin:${PATH}` } }),
  'relative folder of PATH': ({ dir }) => ({ command: ['true'], cwd: dir, env: { PATH: `link:${PATH}` } }),
  'link in a folder of PATH': ({ dir }) => ({ command: ['tool'], env: { PATH: `${dir}:${PATH}` } }),
  'interpreter of a script': ({ dir }) => ({ command: [join(dir, 'script')] }),
  'interpreter of an interpreter': ({ dir }) => ({ command: [join(dir, 'second')] }),
}

function lay(dir: string, point: string): void {
  symlinkSync(point, join(dir, 'link'))
  mkdirSync(join(dir, 'deep/up'), { recursive: true })
  symlinkSync('../link', join(dir, 'deep/link'))
  symlinkSync('link/program', join(dir, 'tool'))
  writeFileSync(join(dir, 'script'), `#!${point}/interpreter -x\n`)
  writeFileSync(join(dir, 'second'), `#! ${join(dir, 'script')}\n`)
  for (const name of ['script', 'second']) chmodSync(join(dir, name), 0o755)
}

/** Everything is served until `over`. */
async function servedUntil(t: Test, daemon: Daemon, over: Promise<unknown>): Promise<void> {
  let done = false
  void over.then(() => (done = true))
  let rounds = 0
  while (!done || rounds === 0) {
    const health = await fetch(`${daemon.url}/health`, { signal: AbortSignal.timeout(4000) })
    const exec = await daemon.call('POST', '/exec', { command: ['echo', 'here'], cwd: '/', env: { PATH } })
    if (health.status !== 200 || exec.body.stdout !== 'here\n') return void t.fail('served', { health, exec })
    rounds++
  }
  t.ok(rounds > 1, 'others were served meanwhile')
}

const doors: Readonly<Record<string, (daemon: Daemon, body: object) => Promise<Reply>>> = {
  'a command': (daemon, body) => daemon.call('POST', '/exec', body),
  'a terminal': (daemon, body) => daemon.call('POST', '/terminals', body),
}

function place(t: Test): { dir: string; stuck: StuckMount } {
  const here = ground(t)
  const stuck = stuckMount(here)
  lay(here.dir, stuck.point)
  return { dir: here.dir, stuck }
}

/** As many as may wait at once. */
const AT_ONCE = 4

t.test('a start that waits for a mount that does not answer', { skip: NO_STUCK_MOUNTS }, async (t) => {
  for (const [door, ask] of Object.entries(doors)) {
    for (let from = 0; from < Object.keys(WAYS).length; from += AT_ONCE) {
      const ways = Object.entries(WAYS).slice(from, from + AT_ONCE)
      const names = ways.map(([name]) => name).join(', ')
      t.test(`${door} on a mount that does not answer: ${names}`, async (t) => {
        const { dir, stuck } = place(t)
        const daemon = await startDaemon(t)
        const asked = ways.map(([, body]) => ask(daemon, body({ point: stuck.point, dir })))
        await servedUntil(t, daemon, Promise.all(asked))
        for (const [index, reply] of (await Promise.all(asked)).entries()) {
          t.match(
            reply,
            { status: 504, body: { code: 'timeout', details: { mount: stuck.point } } },
            String(ways[index]?.[0]),
          )
        }
        const more = await ask(daemon, { command: ['true'], cwd: stuck.point })
        t.match(more, { status: 503, body: { code: 'unavailable' } }, 'no more wait than a few')
        stuck.letGo()
        await until(
          'the threads are back',
          async () => (await ask(daemon, { command: ['true'], cwd: dir })).status < 300,
        )
        t.match(
          await ask(daemon, { command: ['true'], cwd: join(dir, 'link') }),
          { body: { success: true } },
          'an empty directory now',
        )
        t.equal(await daemon.stop(), 0)
      })
    }
  }

  t.test('the default working directory on a mount that does not answer', async (t) => {
    const here = ground(t)
    const point = join(here.dir, 'stuck')
    mkdirSync(point)
    const daemon = await startDaemon(t, { args: ['--workdir', point], cwd: '/' })
    t.match(await daemon.call('POST', '/exec', { command: ['pwd'] }), { body: { stdout: `${point}\n` } })
    const stuck = stuckMount(here)
    const asked = ['/exec', '/terminals'].map((path) => daemon.call('POST', path, { command: ['true'] }))
    await servedUntil(t, daemon, Promise.all(asked))
    for (const reply of await Promise.all(asked)) t.match(reply, { status: 504, body: { code: 'timeout' } })
    const conditions = async (): Promise<readonly { id: string; message: string }[]> =>
      (await daemon.call('GET', '/health/detail')).body.conditions
    const isSet = async (wanted: string): Promise<boolean> => (await conditions()).some(({ id }) => id === wanted)
    await until('the working directory has not answered either', () => isSet('workdir_not_usable'))
    const silent = (await conditions()).find(({ id }) => id === 'mount_silent')
    t.match(silent?.message, `mounted at "${point}" did not answer in time`)
    stuck.letGo()
    await until('it answers again', async () => !(await isSet('mount_silent')) && !(await isSet('workdir_not_usable')))
  })

  t.test('the default working directory on a mount that did not answer before the daemon was there', async (t) => {
    const here = ground(t)
    const stuck = stuckMount(here)
    const daemon = await startDaemon(t, { args: ['--workdir', join(stuck.point, 'below')], cwd: '/' })
    t.match(daemon.stderr(), /workdir_not_usable/)
    const asked = ['/exec', '/terminals'].map((path) => daemon.call('POST', path, { command: ['true'] }))
    await servedUntil(t, daemon, Promise.all(asked))
    for (const reply of await Promise.all(asked)) t.match(reply, { status: 504, body: { code: 'timeout' } })
    stuck.letGo()
    mkdirSync(join(stuck.point, 'below'))
    await until('commands start in it', async () => {
      return (await daemon.call('POST', '/exec', { command: ['true'] })).status === 200
    })
    t.equal(await daemon.stop(), 0)
  })

  t.test('a working directory on a mount that answers is looked at as any other', async (t) => {
    const fading = fadingMount(ground(t), 1000)
    const daemon = await startDaemon(t, { args: ['--workdir', fading.point], cwd: '/' })
    t.notMatch(daemon.stderr(), /workdir_not_usable/)
    t.equal(await daemon.stop(), 0)
    await t.rejects(startDaemon(t, { args: ['--workdir', join(fading.point, 'none')], cwd: '/' }), /can be entered/)
  })

  t.test('the daemon stops in time all the same', async (t) => {
    const stuck = stuckMount(ground(t))
    const daemon = await startDaemon(t)
    const asked = daemon.call('POST', '/exec', { command: ['true'], cwd: stuck.point })
    t.match(await asked, { status: 504 })
    let helped = false
    const late = setTimeout(() => {
      helped = true
      stuck.letGo()
    }, 60_000)
    t.equal(await daemon.stop(), 0)
    clearTimeout(late)
    t.notOk(helped, 'it did not wait for the file system')
  })

  t.test('a mount that stops answering when the child is there: the child never runs', async (t) => {
    const here = ground(t)
    const fading = fadingMount(here, 1)
    const daemon = await startDaemon(t)
    const trace = join(here.dir, 'trace')
    const asked = daemon.call('POST', '/exec', { command: ['/bin/touch', trace], cwd: fading.point })
    await servedUntil(t, daemon, asked)
    t.match(await asked, { status: 504, body: { code: 'timeout', error: /working directory/ } })
    fading.letGo()
    await until('the start has come back', async () => {
      const { body } = await daemon.call('GET', '/health/detail')
      return body.counts.processes === 0
    })
    t.notOk(existsSync(trace))
    t.equal(await daemon.stop(), 0)
  })
})
