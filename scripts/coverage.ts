// npm run coverage: all tests (or the given files) with the daemon run from its sources, then the share of the lines
// and branches of src that they ran, file by file, the least covered first. A killed process, or a terminated thread,
// is not counted: it writes nothing down. The verdict on the tests is `npm test`.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')

/** Share in c8's `json-summary`. */
interface Share {
  readonly total: number
  readonly covered: number
  readonly pct: number
}

interface Summary {
  readonly lines: Share
  readonly branches: Share
}

async function run(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(process.execPath, argv, { cwd: ROOT, env, stdio: ['ignore', 'inherit', 'inherit'] })
  await once(child, 'close')
}

async function summaries(files: readonly string[]): Promise<Readonly<Record<string, Summary>>> {
  const directory = mkdtempSync(join(tmpdir(), 'coverage-'))
  try {
    const raw = join(directory, 'raw')
    const wantedFiles = files.length > 0 ? files : ['--all']
    await run(['scripts/test.ts', ...wantedFiles], { ...process.env, NODE_V8_COVERAGE: raw, RUNTIME_UNDER_TEST: '' })
    const wanted = ['--all', '--src', 'src', '--include', 'src/**', '--reporter', 'json-summary', '--merge-async']
    const places = ['--temp-directory', raw, '--reports-dir', directory]
    await run(['node_modules/c8/bin/c8.js', 'report', ...wanted, ...places], process.env)
    // c8 has just written it
    return JSON.parse(readFileSync(join(directory, 'coverage-summary.json'), 'utf8')) as Record<string, Summary>
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const { total, ...rest } = await summaries(process.argv.slice(2))
const rows = Object.entries(rest).toSorted(([, a], [, b]) => a.lines.pct - b.lines.pct)
const line = (name: string, { lines, branches }: Summary): string =>
  `${lines.pct.toFixed(1).padStart(6)} %  ${branches.pct.toFixed(1).padStart(6)} %  ${name}`
console.log('\n   lines  branches')
for (const [path, summary] of rows) console.log(line(path.replace(`${ROOT}/`, ''), summary))
if (total === undefined) process.exitCode = 1
else console.log(line(`all of src: ${total.lines.covered} of ${total.lines.total} lines`, total))
