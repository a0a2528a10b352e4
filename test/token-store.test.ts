// Where tokens, secrets and key sets come from: real files with real owners, modes and faults.

import { execFileSync } from 'node:child_process'
import {
  chownSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { StartError } from '../src/start-error.ts'
import { loadJwks, loadJwtSecret, loadToken } from '../src/token-store.ts'

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

t.test('a configured token is taken as it is, without its last newline', async (t) => {
  const dir = t.testdir({ lf: `${GOOD}\n`, crlf: `${GOOD}\r\n`, bare: GOOD })
  symlinkSync('lf', join(dir, 'link'))
  for (const name of ['lf', 'crlf', 'bare', 'link']) {
    const file = join(dir, name)
    t.same(
      await loadToken({ file, stateDirectory: dir }),
      { token: GOOD, source: 'file', path: file, created: false },
      name,
    )
  }
  const loaded = await loadToken({ fromEnvironment: GOOD, file: join(dir, 'missing'), stateDirectory: dir })
  t.same(loaded, { token: GOOD, source: 'environment', path: undefined, created: false })
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

t.test('the JWT secret and the key set', async (t) => {
  const dir = t.testdir({
    good: `${'k'.repeat(32)}\n`,
    short: 'k'.repeat(31),
    set: '{"keys":[{"kty":"EC"}]}',
    list: '[]',
    text: 'secret text',
  })
  writeFileSync(join(dir, 'bytes'), Buffer.alloc(48, 0xe9))
  t.same(Buffer.from(await loadJwtSecret(join(dir, 'good'))).toString(), 'k'.repeat(32))
  t.same(Buffer.from(await loadJwtSecret(join(dir, 'bytes'))), Buffer.alloc(48, 0xe9), 'bytes stay bytes')
  t.match(await refusal(loadJwtSecret(join(dir, 'short'))), /holds 31 bytes; accepted are 32 or more/)
  t.same(await loadJwks(join(dir, 'set')), { keys: [{ kty: 'EC' }] })
  t.match(await refusal(loadJwks(join(dir, 'list'))), /is not a JSON Web Key Set/)
  const message = await refusal(loadJwks(join(dir, 'text')))
  t.match(message, /is not a JSON Web Key Set/)
  t.notMatch(message, /secret text/)
})
