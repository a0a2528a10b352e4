// A program of the command line as an act: started, read to its end, its lines counted.

import { once } from 'node:events'
import { start } from '../processes.ts'
import { expect } from './peer.ts'

type ProgramAct = (args: readonly string[], lines: number) => () => Promise<number>

/** Returns an act that must print `lines` lines or more. */
export function program(path: string): ProgramAct {
  return (args, lines) => async () => {
    const began = performance.now()
    const child = start(path, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    let came = 0
    child.stdout?.on('data', (chunk: Buffer) => {
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) came++
    })
    await once(child, 'close')
    const ms = performance.now() - began
    expect(came >= lines, `${came} of ${lines} lines came`)
    return ms
  }
}
