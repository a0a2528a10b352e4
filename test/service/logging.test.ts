// What the daemon logs while it runs; that no slow or missing reader of the log stops it (C-07); what ends it; and that
// secrets are in no line.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import t from 'tap'
import { COMMAND, startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { MIB } from '../support/growth.ts'
import { detail, flood, freePort, startBehind } from '../support/logging-daemon.ts'
import { until } from '../support/until.ts'

t.test('C-07 the log collector dies: it serves on', async (t) => {
  const { url, shell } = await startBehind(t, '"$@" 2>&1 >/dev/null | { echo $$; exec head -c 100 >/dev/null; }')
  t.ok(shell.stdout)
  await flood(url, 2 * MIB)
  t.equal((await fetch(`${url}/health`)).status, 200)
  t.ok((await detail(url)).lost.log_lines_dropped > 100)
})

t.test('C-07 a reader that was stuck for a while is told what it missed', async (t) => {
  const daemon = await startDaemon(t, { args: ['--access-log'] })
  daemon.process.stderr?.pause()
  await flood(daemon.url, 10 * MIB)
  await until('lines are dropped', async () => (await detail(daemon.url)).lost.log_lines_dropped > 0)
  daemon.process.stderr?.resume()
  await until('it is told', () => daemon.stderr().includes('"log_dropped"'))
  const line = daemon.stderr().match(/^.*"log_dropped".*$/m)?.[0] ?? ''
  t.match(JSON.parse(line), { level: 'warn', event: 'log_dropped', lines: Number })
  t.equal(await daemon.stop(), 0)
  t.match(daemon.stderr().trimEnd().split('\n').at(-1), /"event":"stopping"/, 'the last line is there')
})

/** Throws an error that nothing catches, when told to. */
function defect(statement: string): Record<string, string> {
  const code = `process.on('SIGUSR2', () => { ${statement} })`
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` }
}

/** A terminal, a watcher and a search by name: each has a thread, which may be waiting in the kernel. */
async function busy(daemon: Daemon): Promise<void> {
  await daemon.call('POST', '/terminals', {})
  await daemon.call('POST', '/watchers', { path: daemon.directory })
  await daemon.call('GET', `/files?path=${daemon.directory}`)
}

for (const [what, statement, event] of [
  ['an uncaught exception', "throw new Error('a defect')", 'uncaught_exception'],
  ['an unhandled rejection', "Promise.reject(new Error('a defect'))", 'unhandled_rejection'],
] as const) {
  t.test(`C-07 ${what} is logged and ends the daemon with another code than 0`, async (t) => {
    const daemon = await startDaemon(t, { env: defect(statement), fromSources: true })
    await busy(daemon)
    t.equal(await daemon.stop('SIGUSR2'), 1)
    const line = daemon.stderr().match(new RegExp(`^.*"${event}".*$`, 'm'))?.[0] ?? '{}'
    t.match(JSON.parse(line), { level: 'error', event, stack: /Error: a defect\n/ })
  })
}

t.test('the access log: off unless asked for, with request ids, without what is secret (A-09)', async (t) => {
  const quiet = await startDaemon(t)
  await quiet.call('GET', '/runtime')
  await quiet.stop()
  t.notMatch(quiet.stderr(), '"request"')
  const asked = [{ args: ['--access-log'] }, { env: { RUNTIME_ACCESS_LOG: '1' } }, { config: { access_log: true } }]
  for (const options of asked) {
    const daemon = await startDaemon(t, options)
    const reply = await daemon.call('GET', `/files/read?path=/etc/hostname&token=${TOKEN}`)
    const id = reply.headers.get('x-request-id')
    await until('it is logged', () => daemon.stderr().includes(`"${id}"`))
    const line = daemon.stderr().match(new RegExp(`^.*"${id}".*$`, 'm'))?.[0] ?? '{}'
    t.match(JSON.parse(line), { time: /Z$/, level: 'info', event: 'request', method: 'GET', path: '/files/read' })
    t.notMatch(daemon.stderr(), TOKEN)
    await daemon.stop()
  }
})

const NO_SCRIPT = existsSync('/usr/bin/script') ? false : 'needs script (Debian: bsdutils)'

t.test('on a terminal lines are for people', { skip: NO_SCRIPT }, async (t) => {
  const port = await freePort()
  const home = t.testdir()
  const quoted = [...COMMAND, '--port', String(port), '--access-log'].map((word) => `'${word}'`).join(' ')
  const terminal = spawn('script', ['-qec', `exec ${quoted}`, '/dev/null'], {
    env: { PATH: process.env['PATH'] ?? '', HOME: home, RUNTIME_TOKEN: TOKEN },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let shown = ''
  terminal.stdout.setEncoding('utf8').on('data', (chunk: string) => (shown += chunk))
  t.teardown(() => terminal.kill('SIGKILL'))
  await until('it is ready', () => shown.includes('ready on'))
  await fetch(`http://127.0.0.1:${port}/health`)
  await until('the request is shown', () =>
    /^\d\d:\d\d:\d\d {2}request {2}request_id=\S+ {2}method=GET {2}path=\/health/m.test(shown),
  )
  t.pass()
})
