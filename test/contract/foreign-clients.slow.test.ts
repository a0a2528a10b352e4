// The official SDKs of Python and Go, in both eras: they connect, list, call, are told of progress, cancel, and receive
// 2 MiB where they take it. Each is installed in its newest known version into a folder of the test.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { startDaemon, TOKEN } from '../support/daemon.ts'
import { runs } from '../support/exec.ts'
import { until } from '../support/until.ts'

const PYTHON_SDK = 'mcp==2.3.0'
const GO_SDK = 'github.com/modelcontextprotocol/go-sdk@v1.8.0'
const HERE = join(import.meta.dirname, 'foreign')
const CACHE = join(import.meta.dirname, '../../.tap/foreign')
/** Of an installation, a build or a client, on a quiet machine. */
const PATIENCE_MS = 240_000

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly error: string
}

async function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: object } = {},
): Promise<Ended> {
  const env = { ...process.env, ...options.env }
  const child = spawn(command, args, { ...options, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: PATIENCE_MS })
  const ended = once(child, 'close').catch(() => [null])
  const [[code], out, error] = await Promise.all([ended, text(child.stdout), text(child.stderr)])
  return { code: code as number | null, out, error }
}

/** The interpreter of an environment that has the SDK; undefined where it cannot be had. */
async function python(): Promise<readonly string[] | undefined> {
  const place = join(CACHE, PYTHON_SDK)
  const interpreter = join(place, 'bin/python')
  if (!existsSync(join(place, 'ready'))) {
    rmSync(place, { recursive: true, force: true })
    if ((await run('python3', ['-m', 'venv', place])).code !== 0) return undefined
    if ((await run(interpreter, ['-m', 'pip', 'install', '-q', PYTHON_SDK])).code !== 0) return undefined
    writeFileSync(join(place, 'ready'), '')
  }
  return [interpreter, join(HERE, 'client.py')]
}

async function go(): Promise<readonly string[] | undefined> {
  const place = join(CACHE, 'go')
  const client = join(place, 'client')
  mkdirSync(place, { recursive: true })
  copyFileSync(join(HERE, 'main.go'), join(place, 'main.go'))
  const env = { GOFLAGS: '-mod=mod', CGO_ENABLED: '0' }
  if (
    !existsSync(join(place, 'go.mod')) &&
    (await run('go', ['mod', 'init', 'client'], { cwd: place, env })).code !== 0
  )
    return undefined
  for (const args of [
    ['get', GO_SDK],
    ['build', '-o', client, '.'],
  ]) {
    if ((await run('go', args, { cwd: place, env })).code !== 0) return undefined
  }
  return [client]
}

async function works(t: Test, [command = '', ...rest]: readonly string[], era: string): Promise<void> {
  const daemon = await startDaemon(t)
  const directory = t.testdir({ long: `${'x'.repeat(1023)}\n`.repeat(2048) })
  const args = [...rest, era, `${daemon.url}/mcp`, TOKEN, join(directory, 'long'), directory]
  const { code, out, error } = await run(command, args)
  t.equal(code, 0, error)
  const told = JSON.parse(out) as { progress: number[]; cut: number }
  t.match(told, {
    tools: 23,
    stdout: 'hi\n',
    quick: 0,
    truncated: true,
    missing: true,
    cancelled: true,
    whole: 2 * 1024 * 1024,
  })
  t.ok(told.progress.length >= 2, 'progress of the slow call')
  t.ok(told.cut > 100_000 && told.cut < 500_000, `${told.cut}`)
  const pid = Number(readFileSync(join(directory, 'pid'), 'utf8'))
  await until('the cancelled command has ended', () => !runs(pid))
}

t.setTimeout(4 * PATIENCE_MS)

for (const [sdk, install, eras] of [
  ['Python', python, ['legacy', 'auto', '2026-07-28']],
  ['Go', go, ['2025-11-25', '2026-07-28']],
] as const) {
  const client = await install()
  const skip = client === undefined && `${sdk} or its SDK cannot be had here`
  t.test(`the official ${sdk} SDK works in both eras`, { skip, timeout: PATIENCE_MS }, async (t) => {
    for (const era of eras) await t.test(era, { timeout: PATIENCE_MS }, (t) => works(t, client ?? [], era))
  })
}
