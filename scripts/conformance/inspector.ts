// Runs the Inspector's command line against the product, with the bearer and in each era: the public suite cannot do
// that, since it knows no credentials.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { PACKAGE } from './suite.ts'

const INSPECTOR = join(PACKAGE, 'node_modules/.bin/mcp-inspector')
/** Time limit of a call: one takes two seconds; one that hangs must not hang CI. */
const LIMIT_MS = 60_000

export interface Inspected {
  readonly what: string
  /** Undefined: the result is as expected. */
  readonly problem: string | undefined
}

interface Expectation {
  readonly what: string
  readonly options: readonly string[]
  readonly exitCode: number
  readonly output: RegExp
}

/** Expected exit codes, from its README: 0 fine, 3 authentication, 5 a tool's error. */
const EXPECTED: readonly Expectation[] = [
  { what: 'lists the tools', options: ['--method', 'tools/list'], exitCode: 0, output: /"exec_delete_all"/ },
  {
    what: 'calls a tool',
    options: ['--method', 'tools/call', '--tool-name', 'file_stat', '--tool-arg', 'path=/'],
    exitCode: 0,
    output: /directory/,
  },
  {
    what: 'calls a tool that fails',
    options: ['--method', 'tools/call', '--tool-name', 'file_stat', '--tool-arg', 'path=/nowhere'],
    exitCode: 5,
    output: /does not exist/,
  },
]

/** Makes every call in every era, one after the other; then one with a wrong token. */
export async function inspect(url: URL, token: string): Promise<Inspected[]> {
  const results: Inspected[] = []
  for (const era of ['legacy', 'modern', 'auto']) {
    for (const expected of EXPECTED) {
      const run = await call(url, token, ['--protocol-era', era, ...expected.options])
      const good = run.exitCode === expected.exitCode && expected.output.test(run.output)
      const problem = good ? undefined : `exit code ${run.exitCode}\n${run.output.slice(0, 2000)}`
      results.push({ what: `Inspector, ${era}: ${expected.what}`, problem })
    }
  }
  const stranger = await call(url, 'x'.repeat(40), ['--protocol-era', 'auto', '--method', 'tools/list'])
  const refused = stranger.exitCode === 3 ? undefined : `exit code ${stranger.exitCode}\n${stranger.output}`
  return [...results, { what: 'Inspector: a wrong token is an authentication error', problem: refused }]
}

async function call(
  url: URL,
  token: string,
  options: readonly string[],
): Promise<{ readonly exitCode: number; readonly output: string }> {
  const header = ['--header', `Authorization: Bearer ${token}`]
  const args = [INSPECTOR, '--cli', url.href, '--transport', 'http', ...header, '--format', 'json', ...options]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', reject).once('close', (code) => resolve(code ?? -1))
  })
  return { exitCode, output }
}
