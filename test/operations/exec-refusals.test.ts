// A command that cannot be started is the caller's to mend: 404, 403 or 400, on every door. 500 is for what is ours.

import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startDaemon } from '../support/daemon.ts'

const daemon = await startDaemon(t)
const dir = join(daemon.directory, 'programs')
mkdirSync(dir)
const file = (name: string, content: string | Buffer, mode = 0o755): string => {
  writeFileSync(join(dir, name), content)
  chmodSync(join(dir, name), mode)
  return join(dir, name)
}
const loop = join(dir, 'loop')
symlinkSync('loop', loop)

const CASES: Readonly<Record<string, readonly [object, number, string]>> = {
  'a name that is nowhere in PATH': [{ command: ['no-such-program'] }, 404, 'command_not_found'],
  'a name that every object has': [
    { command: ['constructor', '-c', 'x'], exec_mode: 'auto' },
    404,
    'command_not_found',
  ],
  'an applet that every object has': [{ command: ['/none/busybox', 'toString', '-c', 'x'] }, 404, 'command_not_found'],
  'a path that is not there': [{ command: [join(dir, 'none')] }, 404, 'command_not_found'],
  'a path below a file': [{ command: ['/etc/passwd/x'] }, 404, 'command_not_found'],
  'a name longer than any': [{ command: [`/${'x'.repeat(300)}`] }, 404, 'command_not_found'],
  'a path longer than any': [{ command: [`/${'x/'.repeat(3000)}`] }, 404, 'command_not_found'],
  'a loop of links': [{ command: [loop] }, 404, 'command_not_found'],
  'an interpreter that is not there': [{ command: [file('a', '#!/no/such\n')] }, 404, 'command_not_found'],
  'no permission': [{ command: [file('b', '#!/bin/sh\n', 0o644)] }, 403, 'not_executable'],
  'a directory': [{ command: [dir] }, 403, 'not_executable'],
  'neither program nor script': [{ command: [file('c', 'text')] }, 403, 'not_executable'],
  'a program cut short': [{ command: [file('d', Buffer.from('\x7fELF\x02\x01\x01'))] }, 403, 'not_executable'],
  'an interpreter that is a directory': [{ command: [file('e', `#!${dir}\n`)] }, 403, 'not_executable'],
  'an interpreter that is the script itself': [
    { command: [file('f', `#!${join(dir, 'f')}\n`)] },
    403,
    'not_executable',
  ],
  'a directory that is not there': [{ command: ['true'], cwd: join(dir, 'none') }, 400, 'bad_cwd'],
  'a directory that is a file': [{ command: ['true'], cwd: '/etc/passwd' }, 400, 'bad_cwd'],
  'a directory in a loop of links': [{ command: ['true'], cwd: loop }, 400, 'bad_cwd'],
  'a name of a directory longer than any': [{ command: ['true'], cwd: `/${'x'.repeat(300)}` }, 400, 'bad_cwd'],
}

for (const [name, [body, status, code]] of Object.entries(CASES)) {
  t.test(name, async (t) => {
    for (const path of ['/exec', '/exec/stream', '/terminals']) {
      t.match(await daemon.call('POST', path, body), { status, body: { code, success: false } }, path)
    }
  })
}

t.test('over MCP the same code', async (t) => {
  const params = { name: 'exec_run', arguments: { command: ['no-such-program'] } }
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params }
  const headers = { accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-06-18' }
  const { body } = await daemon.call('POST', '/mcp', message, headers)
  t.match(body, { result: { isError: true } })
  t.match(JSON.stringify(body), /command_not_found/)
})

t.test('none of them counts as an error of the server', async (t) => {
  const { body } = await daemon.call('GET', '/metrics')
  t.notMatch(String(body), /http_responses_total\{[^}]*5xx[^}]*\} [1-9]/)
})
