// The daemon and its commands where what the configuration names lies on a file system that does not answer: each ends
// with a sentence that names the place and the mount, or goes on without it.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { runCommand } from '../support/command.ts'
import { startDaemon, TOKEN } from '../support/daemon.ts'
import { ground } from '../support/mounting.ts'
import { NO_STUCK_MOUNTS, stuckMount } from '../support/stuck-mount.ts'

t.setTimeout(300_000)

interface Way {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly says: RegExp
}

/** Whatever else is needed is there. */
function waysOf(point: string, here: string): Readonly<Record<string, Way>> {
  const own = { XDG_STATE_HOME: join(here, 'state'), XDG_CACHE_HOME: join(here, 'cache'), HOME: here }
  const { XDG_STATE_HOME: _state, ...withoutState } = own
  return {
    'home directory': { args: [], env: { HOME: point }, says: /the state directory [^]*STATE_DIRECTORY/ },
    'home directory behind a folder': {
      args: [],
      env: { ...withoutState, HOME: `${point}/a/b` },
      says: /the state directory/,
    },
    XDG_STATE_HOME: { args: [], env: { ...own, XDG_STATE_HOME: point }, says: /the state directory/ },
    STATE_DIRECTORY: { args: [], env: { ...own, STATE_DIRECTORY: `${point}/x` }, says: /the state directory/ },
    'token file': { args: ['--token-file', `${point}/token`], env: own, says: /the token file [^]*--token-file/ },
    credential: { args: [], env: { ...own, CREDENTIALS_DIRECTORY: point }, says: /the credential/ },
    'configuration file': {
      args: ['--config', `${point}/c.json`],
      env: own,
      says: /the configuration file [^]*--config/,
    },
    'configuration file of the environment': {
      args: [],
      env: { ...own, RUNTIME_CONFIG: `${point}/c.json` },
      says: /the configuration file/,
    },
  }
}

const COMMANDS: readonly (readonly string[])[] = [
  ['serve', '--port', '0'],
  ['token', 'show'],
  ['token', 'rotate'],
  ['status'],
  ['connect', 'cursor'],
  ['stdio'],
]

t.test(
  'each command ends with a sentence where a place of its own does not answer',
  { skip: NO_STUCK_MOUNTS },
  async (t) => {
    const here = ground(t)
    const { point, letGo } = stuckMount(here)
    for (const [name, { args, env, says }] of Object.entries(waysOf(point, here.dir))) {
      const ended = await Promise.all(COMMANDS.map((command) => runCommand([...command, ...args], env)))
      for (const [index, { code, stderr }] of ended.entries()) {
        const command = `${COMMANDS[index]?.join(' ')}, ${name}`
        t.equal(code, 2, command)
        t.match(stderr, says, command)
        t.ok(stderr.includes(`is on the file system mounted at "${point}", which did not answer within 5 s`), stderr)
      }
      const examined = await runCommand(['doctor', '--json', '--port', '0', ...args], env)
      t.equal(examined.code, 1, `doctor, ${name}`)
      t.match(examined.stdout, says, `doctor, ${name}`)
    }
    letGo()
  },
)

t.test('doctor goes on with all else', { skip: NO_STUCK_MOUNTS }, async (t) => {
  const here = ground(t)
  const { point, letGo } = stuckMount(here)
  const env = { HOME: point, TMPDIR: point }
  const { code, stdout } = await runCommand(['doctor', '--port', '0', '--workdir', point], env)
  letGo()
  t.equal(code, 1)
  for (const what of ['token', 'state directory', 'left commands', 'workdir', 'temporary files']) {
    t.match(stdout, new RegExp(`^FAIL  ${what} .*did not answer within 5 s$`, 'm'), what)
  }
  t.match(stdout, /^ok {4}commands {2,}start and are heard$/m)
})

t.test('a command that is told address and token reads neither', { skip: NO_STUCK_MOUNTS }, async (t) => {
  const here = ground(t)
  const { point, letGo } = stuckMount(here)
  const daemon = await startDaemon(t)
  const env = { HOME: point, WORKSPACE_RUNTIME_TOKEN: TOKEN }
  const { code, stdout, stderr } = await runCommand(['status', '--port', String(daemon.port)], env)
  t.equal(code, 0, stderr)
  t.match(stdout, /running for/)
  letGo()
})

/** All that reads below the home directory. */
async function isServed(t: Test, home: string, more: Readonly<Record<string, string>>): Promise<void> {
  const daemon = await startDaemon(t, { env: { HOME: home, ...more } })
  const tree = join(daemon.directory, 'tree')
  mkdirSync(tree)
  t.match(await daemon.call('POST', '/files/write', { path: `${tree}/file`, content: 'here' }), { status: 201 })
  writeFileSync(join(tree, '.gitignore'), 'left\n')
  const path = encodeURIComponent(tree)
  for (const ask of [
    `/files?path=${path}`,
    `/files?path=${path}&nested=true&flatten=true`,
    `/files/search?q=here&path=${path}`,
    `/files/search/files?q=file&path=${path}`,
  ]) {
    t.match(await daemon.call('GET', ask), { status: 200 }, ask)
  }
  t.match(await daemon.call('POST', '/exec', { command: ['echo', 'x'] }), { body: { stdout: 'x\n' } })
  t.equal(await daemon.stop(), 0)
}

t.test('the daemon serves without a cache and without the home directory', { skip: NO_STUCK_MOUNTS }, async (t) => {
  const here = ground(t)
  const { point, letGo } = stuckMount(here)
  await isServed(t, point, { XDG_CACHE_HOME: point })
  await isServed(t, point, { CACHE_DIRECTORY: `${point}/x` })
  await isServed(t, here.dir, { XDG_CONFIG_HOME: point })
  letGo()
})
