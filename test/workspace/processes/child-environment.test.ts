// The environment that commands and terminals inherit (protocol.md#environment).

import t from 'tap'
import { childEnvironment, loginShell, loginUser } from '../../../src/workspace/processes/child-environment.ts'

const user = { name: 'ada', home: '/home/ada', shell: '/bin/zsh' }
const bin = '/srv/runtime/node_modules/.bin'

t.test('what is about the daemon stays with the daemon', async (t) => {
  const daemon = { RUNTIME_TOKEN: 'x', RUNTIME_PORT: '1', NOTIFY_SOCKET: '/n', LISTEN_FDS: '1', LISTEN_PID: '1', WATCHDOG_USEC: '1', CREDENTIALS_DIRECTORY: '/c', STATE_DIRECTORY: '/s', npm_config_x: '1', npm_lifecycle_event: 'start', LANG: 'C', GONE: undefined } // prettier-ignore
  t.same(childEnvironment(daemon, undefined, bin), { LANG: 'C' })
  const unit = { INVOCATION_ID: 'f', JOURNAL_STREAM: '1:2', SYSTEMD_EXEC_PID: '1', CACHE_DIRECTORY: '/c', MEMORY_PRESSURE_WATCH: '/m', LC_ALL: 'C' } // prettier-ignore
  t.same(childEnvironment(unit, undefined, bin), { LC_ALL: 'C' }, 'what systemd says of the unit')
})

t.test('PATH loses the own node_modules/.bin and nothing else', async (t) => {
  const PATH = `${bin}:/work/node_modules/.bin:/usr/bin:${bin}/:/bin`
  t.same(childEnvironment({ PATH }, undefined, bin), { PATH: '/work/node_modules/.bin:/usr/bin:/bin', LANG: 'C.UTF-8' })
})

t.test('the user database fills in what is absent', async (t) => {
  t.same(childEnvironment({ USER: 'eve', LC_CTYPE: 'C' }, user, bin), {
    LC_CTYPE: 'C',
    HOME: '/home/ada',
    USER: 'eve',
    LOGNAME: 'ada',
    SHELL: '/bin/zsh',
  })
  t.same(childEnvironment({ LC_ALL: 'C' }, { ...user, shell: '' }, bin), {
    LC_ALL: 'C',
    HOME: '/home/ada',
    USER: 'ada',
    LOGNAME: 'ada',
  })
})

t.test('the shell is the first of user, $SHELL, bash, sh that can be run', async (t) => {
  const all = () => true
  t.equal(loginShell({ SHELL: '/bin/fish' }, user, all), '/bin/zsh')
  t.equal(loginShell({ SHELL: '/bin/fish' }, undefined, all), '/bin/fish')
  t.equal(
    loginShell({}, user, (path) => path !== '/bin/zsh'),
    '/bin/bash',
  )
  t.equal(
    loginShell({}, undefined, () => false),
    '/bin/sh',
  )
  t.type(loginUser()?.name, 'string')
})

t.test('a UTF-8 locale where there is none at all', async (t) => {
  t.same(childEnvironment({}, undefined, bin), { LANG: 'C.UTF-8' })
  for (const name of ['LANG', 'LC_ALL', 'LC_CTYPE']) {
    t.same(childEnvironment({ [name]: 'C' }, undefined, bin), { [name]: 'C' })
  }
  t.same(
    childEnvironment({ LANG: 'C', OLDPWD: '/x', _: '/bin/x' }, undefined, bin),
    { LANG: 'C' },
    'nor the shell’s own',
  )
})
