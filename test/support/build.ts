// `npm run build` as its users start it, for the tests of the build.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { ROOT } from '../../scripts/build/paths.ts'

export async function build(...args: string[]): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, ['build.mjs', ...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  }
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, said }
}
