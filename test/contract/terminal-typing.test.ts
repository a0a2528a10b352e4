// Typing and resizing over REST, as a daemon has it by default: fields of a JSON object, or the body as it stands.

import t from 'tap'
import { startDaemon, TOKEN } from '../support/daemon.ts'
import { until } from '../support/until.ts'

t.test('a JSON object with a known field is fields, any other body is typed as it stands', async (t) => {
  const daemon = await startDaemon(t)
  const made = await daemon.call('POST', '/terminals', {
    command: ['sh', '-c', 'stty raw -echo; echo ready; exec cat'],
  })
  const id = String(made.body.id)
  const printed = async (): Promise<string> =>
    (await daemon.call('GET', `/terminals/${id}/scrollback?text=true`)).body.scrollback
  await until('it is ready', async () => (await printed()).includes('ready'))
  const type = async (body: string | object, expected: string, headers: Record<string, string> = {}) => {
    const before = await printed()
    const { status, body: answer } = await daemon.call('POST', `/terminals/${id}/input`, body, headers)
    t.match({ status, answer }, { status: 200, answer: { terminal_id: id, bytes_written: expected.length } }, expected)
    await until(`${expected} is typed`, async () => (await printed()) !== before)
    t.equal(await printed(), before + expected)
  }
  await type({ input: 'one\r' }, 'one\r')
  await type({ data: 'two\r' }, 'two\r')
  await type({ input: 'dGhyZWU=', base64: true }, 'three')
  await type('{"input":"four"}', 'four', { 'content-type': 'application/x-www-form-urlencoded' })
  await type(' \n{ "input" : "five", "more": 1 }', 'five')
  await type('echo {"input":"x"}', 'echo {"input":"x"}')
  await type('{"answer":42}', '{"answer":42}')
  await type('{"id":42}', '{"id":42}')
  await type('{"input":"open', '{"input":"open')
  await type('[1,2]', '[1,2]')
  await type('"text"', '"text"')
  const zeros = Buffer.alloc(1_000_000).toString('base64')
  t.match((await daemon.call('POST', `/terminals/${id}/input`, { input: zeros, base64: true })).body, {
    bytes_written: 1_000_000,
  })
  const refusals = [
    [undefined, 400],
    [{ input: null }, 400],
    [{ base64: true }, 400],
    [{ input: '%', base64: true }, 400],
    [{ input: 'dGhyZ', base64: true }, 400],
    [{ input: 'x'.repeat(1_100_000) }, 413],
    ['y'.repeat(1_100_000), 413],
    ['z'.repeat(3_000_000), 413],
  ] as const
  for (const [body, status] of refusals) {
    t.equal((await daemon.call('POST', `/terminals/${id}/input`, body)).status, status)
  }
  t.match((await daemon.call('POST', `/terminals/${id}/input`, { input: '', extra: 1 })).body, { ignored: ['extra'] })
})

t.test('resizing; the tools of both are not listed', async (t) => {
  const daemon = await startDaemon(t)
  const { body } = await daemon.call('POST', '/terminals', { command: ['cat'] })
  const resized = await daemon.call('POST', `/terminals/${body.id}/resize`, { cols: 132, rows: 43 })
  t.match(resized, { status: 200, body: { cols: 132, rows: 43 } })
  t.match((await daemon.call('GET', '/terminals')).body.terminals, [{ cols: 132, rows: 43 }])
  t.equal((await daemon.call('POST', `/terminals/${body.id}/resize`, { cols: 132 })).status, 400)
  const { paths } = (await daemon.call('GET', '/openapi.json')).body
  t.ok(paths['/terminals/{id}/input'] && paths['/terminals/{id}/resize'])
  const listed = await fetch(`${daemon.url}/mcp`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
  })
  const { result } = (await listed.json()) as { result: { tools: { name: string }[] } }
  t.equal(result.tools.length, 23)
  t.notOk(result.tools.some(({ name }) => name === 'terminal_input' || name === 'terminal_resize'))
})
