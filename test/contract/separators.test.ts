// U+2028 and U+2029 leave as escapes on every event stream: some clients take the characters themselves for line breaks
// and never see the end of the call. Output, names, contents, progress; long texts and short ones.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'

const ODD = 'a\u2028b\u2029c'

let daemon: Daemon
t.before(async () => {
  daemon = await startDaemon(t)
})

async function raw(method: string, path: string, body?: object): Promise<string> {
  const headers = {
    authorization: `Bearer ${TOKEN}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2025-11-25',
  }
  const sent = body === undefined ? {} : { body: JSON.stringify(body) }
  return await (await fetch(daemon.url + path, { method, headers, ...sent })).text()
}

const tool = (name: string, args: object) =>
  raw('POST', '/mcp', {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name, arguments: args, _meta: { progressToken: 1 } },
  })

t.test('no event and no line holds them as they are, and the text is the same', async (t) => {
  const directory = t.testdir({})
  writeFileSync(join(directory, `${ODD}.txt`), `${ODD}\n`)
  writeFileSync(join(directory, 'long.txt'), `${ODD}\n`.repeat(30_000))
  const slow = await tool('exec_run', { command: ['sh', '-c', 'printf "$0"; sleep 2', ODD] })
  t.match(slow, /^event: message$/m, 'a stream')
  const script = `printf '%s\\n' '${ODD}'; sleep 1.2; i=0; while [ $i -lt 40000 ]; do echo '${ODD}'; i=$((i+1)); done`
  const run = await raw('POST', '/exec', { command: ['sh', '-c', script], keep_logs: true })
  const { id } = JSON.parse(run) as { id: string }
  const answers: readonly (readonly [string, string])[] = [
    ['exec_run, streamed', slow],
    ['POST /exec, long', run],
    ['exec/stream of a finished command', await raw('GET', `/exec/stream?task_id=${id}`)],
    ['files/stream', await raw('GET', `/files/stream?path=${encodeURIComponent(directory)}`)],
    ['file_list', await tool('file_list', { path: directory, include_content: true })],
    ['file_read', await tool('file_read', { path: join(directory, 'long.txt') })],
    ['search_content', await tool('search_content', { q: 'b', path: directory })],
    ['search_files', await tool('search_files', { q: 'a', path: directory })],
    ['an error', await tool('file_read', { path: join(directory, ODD) })],
  ]
  for (const [what, text] of answers) {
    t.notOk(/[\u2028\u2029]/.test(text), what)
    t.ok(/\\u2028b\\{1,2}u2029/.test(text), `${what}: ${text.slice(0, 200)}`)
  }
  t.equal(JSON.parse(run).stdout.slice(0, 6), `${ODD}\n`)
})
