// RUNTIME_TOKEN is taken out of what the kernel shows of the daemon's environment, however it was started.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { startDaemon, TOKEN } from '../support/daemon.ts'
import { callerOf, HS256 } from '../contract/own-ground-doors.ts'

/** Environments of the process and its threads. */
function environmentsOf(pid: number): string[] {
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}/environ`)
  return [`/proc/${pid}/environ`, ...threads].map((path) => readFileSync(path, 'latin1'))
}

t.test('the token is not in the environment that the kernel shows', async (t) => {
  const daemon = await startDaemon(t)
  t.equal((await daemon.call('GET', '/exec')).status, 200, 'the token is in use')
  for (const environment of environmentsOf(daemon.pid)) {
    t.ok(environment.includes('RUNTIME_TOKEN='))
    t.notOk(environment.includes(TOKEN))
  }
})

t.test('a process that still has the token in its environment is not shown to a narrow credential', async (t) => {
  const top = mkdtempSync(join(tmpdir(), 'environment-'))
  t.teardown(() => rmSync(top, { recursive: true }))
  const secret_file = join(top, 'secret')
  writeFileSync(secret_file, HS256)
  const daemon = await startDaemon(t, { config: { jwt: { secret_file } } })
  const [having, free] = [TOKEN, 'another'].map((token) =>
    spawn('sleep', ['600'], { env: { PATH: process.env['PATH'], RUNTIME_TOKEN: token }, stdio: 'ignore' }),
  )
  t.teardown(async () => {
    for (const child of [having, free]) {
      child?.kill('SIGKILL')
      if (child?.exitCode === null && child.signalCode === null) await once(child, 'exit')
    }
  })
  const read = async (scope: string, path: string) => await callerOf(daemon, scope).rest('GET', path)
  const of = (pid: number | undefined, file = 'environ') => encodeURIComponent(`/proc/${pid}/${file}`)
  t.equal((await read('files:read', `/files/read?path=${of(having?.pid)}`)).status, 403)
  t.equal((await read('search', `/files/search?q=TOKEN&path=${of(having?.pid)}`)).status, 403)
  t.equal((await read('files:read', `/files/read?path=${of(free?.pid)}`)).status, 200)
  const found = await read('search', `/files/search?q=TOKEN&path=${encodeURIComponent(`/proc/${having?.pid}`)}`)
  t.notOk(found.text.includes(TOKEN))
})
