// `--check`: starts the built executable and asks it a few things. For another architecture it runs under qemu-user,
// with that architecture's C and C++ libraries; if the machine lacks either, the build says so and checks nothing.
// Debian's cross packages of the libraries are taken from /usr, else fetched with apt into the cache.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Built } from './bundle.ts'
import { isInstalled, run } from './command.ts'
import { type Parts } from './parts.ts'
import { CACHE, ROOT, say, type Target } from './paths.ts'

/** Time limit. Emulated, `--version` takes 2.3 s instead of 0.1 s, measured on a busy machine. */
const LIMIT_MS = 120_000
const TRIPLET = 'aarch64-linux-gnu'
const PACKAGES = ['libc6-arm64-cross', 'libgcc-s1-arm64-cross', 'libstdc++6-arm64-cross']
const TOKEN = 'check-check-check-check-check-check-check'

interface Answer {
  readonly status: number
  readonly body: unknown
}

interface Trial {
  readonly target: Target
  readonly facts: Built['facts']
  readonly parts: Parts
  readonly work: string
}

/** Throws if an answer is wrong. */
export async function tryOut({ target, facts, parts, work }: Trial): Promise<void> {
  const before = target.native ? [] : emulator(target)
  if (before === undefined) return
  sameRipgrep(commandOf(parts.rg.file, before), facts.ripgrep)
  const [program, ...args] = commandOf(target.output, before)
  const home = mkdtempSync(join(work, 'check-'))
  const env = { HOME: home, PATH: process.env['PATH'], RUNTIME_TOKEN: TOKEN }
  const { stdout, stderr, status } = spawnSync(program, [...args, '--version'], { env, encoding: 'utf8' })
  const expected = `workspace-runtime ${facts.version}\ncommit ${facts.commit}\nnode v`
  if (status !== 0 || !stdout.startsWith(expected)) throw new Error(`--version says:\n${stdout}${stderr}`)
  say(`check: --version says ${stdout.trim().replaceAll('\n', ', ')}`)
  const serving = spawn(program, [...args, '--port', '0', '--workdir', home], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const limit = setTimeout(() => serving.kill('SIGKILL'), LIMIT_MS)
  const ended = once(serving, 'exit')
  try {
    await ask(await readyUrl(serving.stderr.setEncoding('utf8')), home)
    serving.kill('SIGTERM')
    const [code] = (await ended) as [number | null]
    if (code !== 0) throw new Error(`after SIGTERM it ended with ${code}`)
    say('check: SIGTERM ends it with 0')
  } finally {
    serving.kill('SIGKILL')
    clearTimeout(limit)
  }
}

function commandOf(file: string, [emulating, ...options]: readonly string[]): [string, ...string[]] {
  return emulating === undefined ? [file] : [emulating, ...options, file]
}

/** Checks ripgrep. The build has told the version of this machine's ripgrep. */
function sameRipgrep([program, ...args]: [string, ...string[]], version: string): void {
  const said = run(program, [...args, '--version'], ROOT).split('\n', 1)[0] ?? ''
  if (!`${said} `.startsWith(`ripgrep ${version} `)) throw new Error(`ripgrep ${version} was told, inside is ${said}`)
}

async function readyUrl(stderr: AsyncIterable<string>): Promise<string> {
  let said = ''
  for await (const chunk of { [Symbol.asyncIterator]: () => unclosed(stderr) }) {
    said += chunk
    const url = /ready on (http:\S+),/.exec(said)?.[1]
    if (url !== undefined) return url
  }
  throw new Error(`it ended before it was ready:\n${said}`)
}

/** Returns chunks whose loop, when left, does not close the pipe that the daemon writes to. */
function unclosed(chunks: AsyncIterable<string>): AsyncIterator<string> {
  const iterator = chunks[Symbol.asyncIterator]()
  return { next: () => iterator.next() }
}

async function ask(url: string, home: string): Promise<void> {
  const call = async (method: string, path: string, body?: object): Promise<Answer> => {
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
    const reply = await fetch(`${url}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) })
    return { status: reply.status, body: await reply.json() }
  }
  const expect = (what: string, { status, body }: Answer, text: string): void => {
    const found = JSON.stringify(body)
    if (status !== 200 || !found.includes(text)) throw new Error(`${what}: ${status} ${found}`)
    say(`check: ${what} answers ${status}`)
  }
  expect('GET /health', await call('GET', '/health'), '"status":"ok"')
  expect('POST /exec', await call('POST', '/exec', { command: ['sh', '-c', 'echo $((6*7))'] }), '"stdout":"42\\n"')
  expect('GET /files', await call('GET', `/files?path=${encodeURIComponent(home)}`), '"success":true')
}

/** Returns the words before the executable; undefined, with a message, if it cannot run here. */
function emulator(target: Target): string[] | undefined {
  const qemu = 'qemu-aarch64'
  const libraries = target.arch === 'arm64' && isInstalled(qemu) ? librariesFor() : undefined
  if (libraries !== undefined) return [qemu, '-L', libraries]
  say(`check: not started, for ${target.arch} it takes here Debian's qemu-user ${PACKAGES.join(' ')}`)
  return undefined
}

function librariesFor(): string | undefined {
  const fetched = join(CACHE, TRIPLET)
  const places = [join('/usr', TRIPLET), join(fetched, 'usr', TRIPLET)]
  const found = (): string | undefined => places.find((place) => existsSync(join(place, 'lib/libstdc++.so.6')))
  if (found() !== undefined || !isInstalled('apt-get')) return found()
  mkdirSync(CACHE, { recursive: true })
  const aside = mkdtempSync(join(CACHE, '.fetch-'))
  try {
    run('apt-get', ['download', '-qq', '-o', 'APT::Sandbox::User=root', ...PACKAGES], aside)
    for (const name of readdirSync(aside)) run('dpkg-deb', ['-x', name, 'root'], aside)
    rmSync(fetched, { recursive: true, force: true })
    renameSync(join(aside, 'root'), fetched)
    say(`check: fetched ${PACKAGES.join(', ')}`)
  } catch (error) {
    say(`check: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`)
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
  return found()
}
