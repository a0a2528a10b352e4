// Questions to the client, in both ways: on the stream of the call with an id that cannot be guessed, and by a result
// after which the client repeats the call. The fixture of the public suite asks them.

import t from 'tap'
import { openFixture } from '../../conformance/server/fixture.ts'
import { openStream } from '../../support/events.ts'
import { LEGACY, listen, META, modern, post } from './fixture.ts'

const parts = () => ({ registry: openFixture() })
const call = (name: string, args: object = {}, id: unknown = 1) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: args },
})
const ABLE = { elicitation: {}, sampling: {}, roots: {} }

function again(name: string, more: object = {}, capabilities: object = ABLE, caller = 'token') {
  const { headers } = modern('tools/call', { name })
  const meta = { ...META, 'io.modelcontextprotocol/clientCapabilities': capabilities }
  const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: {}, _meta: meta, ...more } }
  return [body, { ...headers, 'x-caller': caller }] as const
}

t.test('an older client is asked on the stream and answers by a POST, its own credential only', async (t) => {
  await using server = await listen(undefined, parts())
  const stream = await openStream(server.url, call('test_elicitation', { message: 'Who?' }), LEGACY)
  const question = await stream.next()
  t.match(question, { method: 'elicitation/create', params: { message: 'Who?', requestedSchema: { type: 'object' } } })
  t.match(question?.id, /^[0-9a-f]{32}$/)
  const answer = (id: unknown, word: string) => ({
    jsonrpc: '2.0',
    id,
    result: { action: 'accept', content: { username: word } },
  })
  t.equal((await post(server.url, answer(1, 'by number'), LEGACY)).status, 202)
  t.equal((await post(server.url, answer(question?.id, 'a stranger'), { ...LEGACY, 'x-caller': 'other' })).status, 202)
  t.equal((await post(server.url, answer(question?.id, 'the right one'), LEGACY)).status, 202)
  const last = await stream.next()
  t.match(last?.result.content[0].text, /^User response: .*the right one/)
  t.equal(await stream.next(), undefined)
  t.equal((await post(server.url, answer(question?.id, 'too late'), LEGACY)).status, 202)
})

t.test('an older client that refuses, or takes no stream, is an answer without one', async (t) => {
  await using server = await listen(undefined, parts())
  const stream = await openStream(server.url, call('test_sampling', { prompt: 'x' }), LEGACY)
  const question = await stream.next()
  const refusal = { jsonrpc: '2.0', id: question?.id, error: { code: -1, message: 'no' } }
  t.equal((await post(server.url, refusal, LEGACY)).status, 202)
  t.match((await stream.next())?.result.content[0].text, 'LLM response: {}')
  const { body } = await post(server.url, call('test_sampling', { prompt: 'x' }))
  t.match(body.result.content[0].text, 'LLM response: {}')
})

t.test('the modern form: questions, then the same call with the answers and the sealed state', async (t) => {
  await using server = await listen(undefined, parts())
  const name = 'test_input_required_result_request_state'
  const ask = async (...args: Parameters<typeof again>) => (await post(server.url, ...again(...args))).body as unknown
  const first = (await ask(name)) as { result: { requestState: string } }
  t.match(first.result, {
    resultType: 'input_required',
    inputRequests: { confirm: { method: 'elicitation/create', params: { message: 'Please confirm' } } },
    requestState: /^[\w-]{40,}$/,
  })
  const { requestState } = first.result
  const inputResponses = { confirm: { action: 'accept', content: { ok: true } } }
  const done = { result: { resultType: 'complete', content: [{ text: /^state-ok/ }] } }
  t.match(await ask(name, { inputResponses, requestState }), done)
  t.match(await ask(name, { inputResponses }), { result: { resultType: 'input_required' } }, 'no state, no answer')
  const refused = { error: { code: -32602, message: /requestState/ } }
  t.match(await ask(name, { inputResponses, requestState: `${requestState}x` }), refused)
  t.match(
    await ask(name, {
      inputResponses,
      requestState: `${requestState.startsWith('A') ? 'B' : 'A'}${requestState.slice(1)}`,
    }),
    refused,
  )
  t.match(await ask(name, { inputResponses, requestState: 7 }), refused)
  t.match(await ask(name, { inputResponses, requestState, arguments: { other: 1 } }), refused)
  t.match(await ask('test_input_required_result_tampered_state', { inputResponses, requestState }), refused)
  t.match(await ask(name, { inputResponses, requestState }, ABLE, 'somebody else'), refused)
})

t.test('rounds, answers of a wrong shape, and only what the client declared', async (t) => {
  await using server = await listen(undefined, parts())
  const ask = async (...args: Parameters<typeof again>) => {
    const { body } = await post(server.url, ...again(...args))
    return body.result as unknown as { resultType: string; inputRequests: object; requestState: string }
  }
  const rounds = 'test_input_required_result_multi_round'
  const one = await ask(rounds)
  t.same(Object.keys(one.inputRequests), ['step1'])
  const accept = (content: object) => ({ action: 'accept', content })
  const two = await ask(rounds, { inputResponses: { step1: accept({ name: 'A' }) }, requestState: one.requestState })
  t.same(Object.keys(two.inputRequests), ['step2'])
  t.not(two.requestState, one.requestState)
  t.match(await ask(rounds, { inputResponses: { step2: accept({ color: 'b' }) }, requestState: two.requestState }), {
    resultType: 'complete',
  })
  const simple = 'test_input_required_result_elicitation'
  for (const wrong of [12345, null, {}, { action: 'perhaps' }, []]) {
    t.match(await ask(simple, { inputResponses: { user_name: wrong } }), { resultType: 'input_required' })
  }
  const all = 'test_input_required_result_capabilities'
  t.same(Object.keys((await ask(all, {}, { sampling: {} })).inputRequests), ['greeting'])
})

t.test('a capability that is lacking is -32021 with 400', async (t) => {
  await using server = await listen(undefined, parts())
  const refused = await post(server.url, ...again('test_missing_capability', {}, {}))
  t.equal(refused.status, 400)
  t.match(refused.body, { id: 1, error: { code: -32021, data: { requiredCapabilities: { sampling: {} } } } })
  t.equal((await post(server.url, ...again('test_missing_capability'))).status, 200)
})
