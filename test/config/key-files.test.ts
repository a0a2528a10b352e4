// The secret and the key set of gateway JWTs, from real files.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadJwks, loadJwtSecret } from '../../src/config/key-files.ts'
import { StartError } from '../../src/base/signals.ts'

async function refusal(loading: Promise<unknown>): Promise<string> {
  try {
    await loading
  } catch (error) {
    if (error instanceof StartError) return error.message
    throw error
  }
  throw new Error('the start was not refused')
}

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
