// Where the raw token comes from, and where it is kept: real files with real owners, modes and faults.

import { execFileSync } from 'node:child_process'
import {
  chownSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { StartError } from '../../src/base/signals.ts'
import { loadToken, placeOf, reloadToken, rotateToken } from '../../src/config/token-store.ts'

const GOOD = 'a'.repeat(16) + '0123456789abcdef'
const root = process.geteuid?.() === 0

async function refusal(loading: Promise<unknown>): Promise<string> {
  try {
    await loading
  } catch (error) {
    if (error instanceof StartError) return error.message
    throw error
  }
  throw new Error('the start was not refused')
}

t.test('A-03 a configured token that cannot protect anything ends the start with one clear line', async (t) => {
  const dir = t.testdir({
    empty: '',
    newline: '\n',
    blank: ' \t \n',
    short: GOOD.slice(1),
    inner: `${GOOD} ${GOOD}`,
    lines: `${GOOD}\n${GOOD}\n`,
    accent: `${GOOD}é`,
    nul: `${GOOD}\0`,
    long: 'x'.repeat(8 * 1024 + 1),
    huge: 'x'.repeat(256 * 1024 + 1),
    folder: {},
  })
  execFileSync('mkfifo', [join(dir, 'fifo')])
  symlinkSync('loop', join(dir, 'loop'))
  const expected: Record<string, RegExp> = {
    empty: /is empty/,
    newline: /is empty/,
    blank: /is empty/,
    short: /is 31 characters long; accepted are 32 to 8192/,
    inner: /holds a space/,
    lines: /holds a space/,
    accent: /another character/,
    nul: /another character/,
    long: /is 8193 characters long/,
    huge: /is larger than/,
    folder: /is not a regular file/,
    fifo: /is not a regular file/,
    loop: /cannot be read: ELOOP/,
    missing: /cannot be read: ENOENT/,
    'empty/below': /cannot be read: ENOTDIR/,
  }
  for (const [name, sentence] of Object.entries(expected)) {
    const message = await refusal(loadToken({ file: join(dir, name), stateDirectory: join(dir, 'state') }))
    t.match(message, sentence, name)
    t.notMatch(message, /\n|aaaa|xxxx/, `${name}: one line without the content`)
  }
  for (const text of ['', ' ', '\n', GOOD.slice(1), `${GOOD} x`]) {
    const message = await refusal(loadToken({ fromEnvironment: text, stateDirectory: join(dir, 'state') }))
    t.match(message, /RUNTIME_TOKEN (is empty|is 31 characters|holds a space)/, JSON.stringify(text))
    t.notMatch(message, /aaaa/)
  }
  t.notOk(existsSync(join(dir, 'state')), 'a refused start makes nothing')
})

t.test('A-03 an unreadable token file ends the start', async (t) => {
  const dir = t.testdir({ token: GOOD })
  chmodSync(join(dir, 'token'), 0)
  // Root reads every file, so as root the question is asked as another user.
  if (root) process.seteuid?.(65534)
  try {
    t.match(await refusal(loadToken({ file: join(dir, 'token'), stateDirectory: dir })), /cannot be read: EACCES/)
  } finally {
    if (root) process.seteuid?.(0)
  }
})

t.test('a seed is taken as it is, without its last newline, and kept privately', async (t) => {
  const dir = t.testdir({ lf: `${GOOD}\n`, crlf: `${GOOD}\r\n`, bare: GOOD, state: {} })
  symlinkSync('lf', join(dir, 'link'))
  const stateDirectory = join(dir, 'state')
  for (const name of ['lf', 'crlf', 'bare', 'link']) {
    const sources = { file: join(dir, name), stateDirectory }
    const path = placeOf(sources).token
    t.same(await loadToken(sources), { token: GOOD, source: 'state', path, created: false }, name)
    t.equal(statSync(path).mode & 0o777, 0o600)
  }
  t.equal(readdirSync(stateDirectory).length, 8, 'each file has a token of its own, and a mark')
  const loaded = await loadToken({ fromEnvironment: GOOD, file: join(dir, 'missing'), stateDirectory: dir })
  t.same(loaded, { token: GOOD, source: 'environment', path: undefined, created: false })
})

t.test('a seed counts when its content is new, and the live token otherwise', async (t) => {
  const dir = t.testdir({ seed: GOOD })
  const seed = join(dir, 'seed')
  const directory = join(dir, 'state')
  for (const key of ['file', 'credential'] as const) {
    const sources = { [key]: seed, stateDirectory: join(directory, key) }
    const now = async (): Promise<string> => (await loadToken(sources)).token
    writeFileSync(seed, GOOD)
    t.equal(await now(), GOOD)
    const { token, path } = await rotateToken(sources)
    t.match(token, /^[0-9a-f]{64}$/)
    t.equal(statSync(path).mode & 0o777, 0o600)
    t.equal(await now(), token, `${key}: the seed is spent`)
    writeFileSync(seed, `${GOOD}\n`)
    t.equal(await now(), token, 'a newline is no new content')
    writeFileSync(seed, GOOD.toUpperCase())
    t.equal(await now(), GOOD.toUpperCase(), 'a new seed wins')
    const again = await rotateToken(sources)
    t.equal(await now(), again.token)
    writeFileSync(`${placeOf(sources).mark}`, '')
    t.equal(await now(), GOOD.toUpperCase(), 'without its mark it is new')
    t.same(readdirSync(join(directory, key)).length, 2, 'no draft stays')
  }
})

t.test('a credential that comes later is new; one that goes leaves the token', async (t) => {
  const dir = t.testdir({ state: {} })
  const sources = { credential: join(dir, 'credential'), stateDirectory: join(dir, 'state') }
  const made = await loadToken(sources)
  t.equal(made.created, true)
  writeFileSync(sources.credential, GOOD)
  t.equal((await loadToken(sources)).token, GOOD)
  const { token } = await rotateToken(sources)
  rmSync(sources.credential)
  t.equal((await loadToken(sources)).token, token)
  writeFileSync(sources.credential, 'short')
  t.match(
    await refusal(loadToken(sources)),
    /the credential .* is 5 characters long/,
    'A-03 it is checked all the same',
  )
})

t.test('where nothing can be kept a seed is served, and not rotated', async (t) => {
  const dir = t.testdir({ seed: GOOD, plain: '' })
  const sources = { file: join(dir, 'seed'), stateDirectory: join(dir, 'plain', 'below') }
  t.same(await loadToken(sources), { token: GOOD, source: 'seed', path: sources.file, created: false })
  t.same(await reloadToken(sources), { token: GOOD, source: 'seed', path: sources.file, created: false })
  t.match(await refusal(rotateToken(sources)), /cannot be changed, as none can be kept in .*plain\/below/)
})

t.test('what cannot be rotated, and why', async (t) => {
  const stateDirectory = join(t.testdir(), 'state')
  t.match(await refusal(rotateToken({ stateDirectory })), /no token is kept in .* start the daemon first/)
  t.notOk(existsSync(stateDirectory), 'nothing is made')
  t.match(await refusal(rotateToken({ fromEnvironment: GOOD, stateDirectory })), /comes from RUNTIME_TOKEN/)
  const { token } = await loadToken({ stateDirectory })
  const rotated = await Promise.all(Array.from({ length: 8 }, () => rotateToken({ stateDirectory })))
  const now = (await loadToken({ stateDirectory })).token
  t.ok(rotated.some((one) => one.token === now) && now !== token, 'one of those at once is the last')
  t.equal(new Set(rotated.map((one) => one.token)).size, 8)
  t.same(readdirSync(stateDirectory), ['token'])
})

t.test('read again, a token that is gone is not made anew, and no old one comes back', async (t) => {
  const dir = t.testdir({ seed: GOOD })
  for (const sources of [
    { stateDirectory: join(dir, 'a') },
    { file: join(dir, 'seed'), stateDirectory: join(dir, 'b') },
  ]) {
    await loadToken(sources)
    const { token, path } = await rotateToken(sources)
    t.equal((await reloadToken(sources)).token, token)
    rmSync(path)
    t.match(await refusal(reloadToken(sources)), /token.* is gone$/)
    t.notOk(existsSync(path))
  }
})

t.test('without a configured token one of 256 bits is made, kept private and used again', async (t) => {
  const directory = join(t.testdir(), 'deep', 'state')
  const first = await loadToken({ stateDirectory: directory })
  t.match(first, { source: 'state', created: true, path: join(directory, 'token') })
  t.match(first.token, /^[0-9a-f]{64}$/)
  t.equal(statSync(directory).mode & 0o777, 0o700)
  t.equal(statSync(join(directory, 'token')).mode & 0o777, 0o600)
  t.same(readdirSync(directory), ['token'], 'no draft stays')
  t.same(await loadToken({ stateDirectory: directory }), { ...first, created: false })
  const other = await loadToken({ stateDirectory: join(directory, 'other') })
  t.not(other.token, first.token)
})

t.test('starts at the same moment agree on one token', async (t) => {
  for (let round = 0; round < 10; round++) {
    const stateDirectory = join(t.testdir(), `state${round}`)
    const loaded = await Promise.all(Array.from({ length: 8 }, () => loadToken({ stateDirectory })))
    t.equal(new Set(loaded.map((one) => one.token)).size, 1, 'one token')
    t.equal(loaded.filter((one) => one.created).length, 1, 'made once')
    t.same(readdirSync(stateDirectory), ['token'])
  }
})

t.test('a kept token that others could read or replace', async (t) => {
  const open = t.testdir({ token: `${GOOD}\n` })
  chmodSync(join(open, 'token'), 0o644)
  chmodSync(open, 0o777)
  t.equal((await loadToken({ stateDirectory: open })).token, GOOD)
  t.equal(statSync(join(open, 'token')).mode & 0o777, 0o600, 'the file is closed to others')
  t.equal(statSync(open).mode & 0o777, 0o700, 'and so is the directory')

  mkdirSync(join(open, 'linked'))
  symlinkSync(join(open, 'token'), join(open, 'linked', 'token'))
  t.match(
    await refusal(loadToken({ stateDirectory: join(open, 'linked') })),
    /cannot be read: ELOOP/,
    'no link is followed',
  )

  mkdirSync(join(open, 'broken'))
  writeFileSync(join(open, 'broken', 'token'), '')
  t.match(await refusal(loadToken({ stateDirectory: join(open, 'broken') })), /broken\/token is empty/)
  t.equal(
    readFileSync(join(open, 'broken', 'token'), 'utf8'),
    '',
    'and is not replaced behind the back of whoever knows it',
  )

  writeFileSync(join(open, 'plain'), '')
  t.match(
    await refusal(loadToken({ stateDirectory: join(open, 'plain', 'below') })),
    /none can be kept in .*: ENOTDIR; give one with --token-file or RUNTIME_TOKEN, or a writable XDG_STATE_HOME/,
  )
})

t.test(
  'a state directory or kept token of another user is refused',
  { skip: !root && 'needs root to give a file away' },
  async (t) => {
    const dir = t.testdir({ file: { token: GOOD }, folder: { token: GOOD } })
    chownSync(join(dir, 'file', 'token'), 12345, 12345)
    t.match(await refusal(loadToken({ stateDirectory: join(dir, 'file') })), /token belongs to user 12345/)
    chownSync(join(dir, 'folder'), 12345, 12345)
    t.match(await refusal(loadToken({ stateDirectory: join(dir, 'folder') })), /directory .* belongs to user 12345/)
  },
)
