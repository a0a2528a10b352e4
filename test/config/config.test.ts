// What a start makes of its environment, where that needs no daemon; test/serve.test.ts has the rest.

import t from 'tap'
import { loadConfig, readCommandLine } from '../../src/config/config.ts'

const NOT_ROOT = process.geteuid?.() === 0 ? false : 'needs root, to be a user without an account'
/** No account of Debian has this number. */
const NOBODY_AT_ALL = 54_321

t.test('C-08 without HOME and without an account the root directory is home', { skip: NOT_ROOT }, (t) => {
  const home = process.env['HOME']
  t.teardown(() => {
    process.seteuid?.(0)
    if (home !== undefined) process.env['HOME'] = home
  })
  delete process.env['HOME']
  for (const variable of ['STATE_DIRECTORY', 'XDG_STATE_HOME', 'CACHE_DIRECTORY', 'XDG_CACHE_HOME']) {
    delete process.env[variable]
  }
  process.seteuid?.(NOBODY_AT_ALL)
  const config = loadConfig(readCommandLine([]))
  t.equal(config.stateDirectory, '/.local/state/workspace-runtime')
  t.equal(config.cacheDirectory, '/.cache/workspace-runtime')
  t.end()
})
