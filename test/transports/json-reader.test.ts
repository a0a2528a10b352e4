// Bodies above 1 MiB are parsed in a worker: the same values, except that long strings are bytes; what the main
// thread could not receive is refused there.

import t from 'tap'
import { Fault } from '../../src/base/fault.ts'
import { LongText } from '../../src/base/long-text.ts'
import { openJsonReader } from '../../src/transports/json-reader.ts'

const padding = `"padding":"${'x'.repeat(1024 * 1024)}"`

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'accepted'
  } catch (error) {
    return error instanceof Fault ? `${error.code}: ${error.message}` : String(error)
  }
}

t.test('H-06 deep, wide and wordy bodies are refused, and others are parsed on', async (t) => {
  await using reader = openJsonReader()
  const parse = (rest: string) => reader.parse(Buffer.from(`{${padding},${rest}}`))
  const nested = (levels: number) => `"a":${'['.repeat(levels)}${']'.repeat(levels)}`
  const replies = await Promise.all([
    refusal(parse(nested(900))),
    refusal(parse(nested(8_000))), // could be sent, but not received
    refusal(parse(nested(90_000))), // could not even be sent
    refusal(parse(`"a":[${'1,'.repeat(100_001)}1]`)),
    refusal(parse(`"a":[${`"${'y'.repeat(1000)}",`.repeat(5000)}1]`)),
    refusal(parse(`"${'k'.repeat(5 * 1024 * 1024)}":1`)),
    refusal(parse('"a":')),
    refusal(parse('"a":[1]')),
  ])
  t.match(replies, [
    'accepted',
    /^bad_request: .*nests deeper than 1000 levels/,
    /^bad_request: .*nests deeper than 1000 levels/,
    /^bad_request: .*more than 100000 values/,
    /^bad_request: .*more than 4194304 characters/,
    /^bad_request: .*more than 4194304 characters/,
    /^bad_request/,
    'accepted',
  ])
})

t.test('a long string comes as a LongText, under any name and in a list', async (t) => {
  await using reader = openJsonReader()
  const long = 'é'.repeat(256 * 1024 + 1)
  const value = (await reader.parse(
    Buffer.from(`{${padding},"long":"${long}","short":"a","__proto__":"${long}","list":["b",["${long}"]]}`),
  )) as Record<string, unknown>
  t.ok(value['long'] instanceof LongText)
  t.equal(String(value['long']), long)
  t.equal(value['short'], 'a')
  t.ok(Object.hasOwn(value, '__proto__') && Object.getPrototypeOf(value) === Object.prototype)
  t.equal(String(Object.getOwnPropertyDescriptor(value, '__proto__')?.value), long)
  t.match(value['list'], ['b', [LongText]])
  const whole = await reader.parse(Buffer.from(JSON.stringify(long.repeat(3))))
  t.ok(whole instanceof LongText && String(whole) === long.repeat(3), 'the whole body')
})
