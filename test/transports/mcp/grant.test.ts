// A grant narrows what the scopes of a credential allow: before a body is read, and once the input is known.

import t from 'tap'
import type { Caller, Grant } from '../../../src/caller.ts'
import { ANYONE, ask, catalog, LEGACY, modern, openParts } from './fixture.ts'

const grant: Grant = {
  mayEnter: ({ name }) => name !== 'note_write',
  allows: (op, input) =>
    op.name === 'note_read' && input['path'] === '/secret' ? 'this credential may not read "/secret"' : undefined,
}
const caller: Caller = { ...ANYONE, id: 'limited', grant }

const call = (name: string, args: object, id = 1) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: args },
})

t.test('the list of tools has those that the grant lets in, in both eras', async (t) => {
  const { body, headers } = modern('tools/list')
  for (const reply of [
    await ask({ jsonrpc: '2.0', id: 1, method: 'tools/list' }, LEGACY, { caller }),
    await ask(body, headers, { caller }),
  ]) {
    const listed = reply.reply?.result as { tools: { name: string }[] } | undefined
    t.same(
      listed?.tools.map(({ name }) => name),
      ['note_read', 'wait', 'large'],
    )
  }
})

t.test('a call is judged by its input, after that was read', async (t) => {
  const said = async (name: string, args: object) => {
    const { reply } = await ask(call(name, args), LEGACY, { caller })
    return reply?.result as { isError?: true; content: { text: string }[]; structuredContent?: object }
  }
  t.match(await said('note_read', { path: '/open' }), { structuredContent: { success: true, path: '/open' } })
  // Intake reads the alias and the path before the grant is asked, so the grant sees the operation's input.
  const refused = await said('note_read', { file: '/open/../secret' })
  t.equal(refused.isError, true)
  t.match(JSON.parse(refused.content[0]?.text ?? ''), { code: 'forbidden', error: /may not read "\/secret"/ })
  const shut = await said('note_write', { path: '/open', content: 'x' })
  t.match(JSON.parse(shut.content[0]?.text ?? ''), { code: 'forbidden', error: /does not allow note_write/ })
})

t.test('no body is read for an operation that the grant shuts out', async (t) => {
  const { gate } = openParts()
  const write = catalog.find(({ name }) => name === 'note_write')
  if (write === undefined) throw new Error('the fixture has no note_write')
  let read = false
  const raw = () => {
    read = true
    return Promise.resolve({ raw: {} })
  }
  const request = { raw, rules: { unknown: 'report' }, caller, signal: AbortSignal.timeout(60_000) } as const
  await t.rejects(gate.invoke(write, { ...request, requestId: 'r', via: 'rest' }), { code: 'forbidden' })
  t.equal(read, false)
})
