// A floor of figure 1: child_process.spawn of /bin/true with pipes, until its pipes and itself have ended.
// Each line on stdin asks for so many; the answer is one line of JSON with the milliseconds of each.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

async function one(): Promise<number> {
  const began = performance.now()
  const child = spawn('/bin/true', { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.resume()
  child.stderr.resume()
  await once(child, 'close')
  return performance.now() - began
}

console.log('ready')
for await (const line of createInterface({ input: process.stdin })) {
  const samples: number[] = []
  for (let i = 0; i < Number(line); i++) samples.push(await one())
  console.log(JSON.stringify(samples))
}
