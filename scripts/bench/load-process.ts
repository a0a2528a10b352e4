// Makes the load in a separate process, so that client, server and benchmark share no event loop.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { Load, LoadOptions } from './load.ts'
import { adopt, end, programPath } from './processes.ts'

export interface LoadProcess extends AsyncDisposable {
  run(options: LoadOptions): Promise<Load>
}

export async function openLoad(): Promise<LoadProcess> {
  const child = adopt(fork(programPath('load-generator.ts'), { serialization: 'advanced' }))
  await once(child, 'message')
  return {
    async run(options) {
      child.send(options)
      const [answer] = (await once(child, 'message')) as [Load | { readonly problem: string }] // our own program
      if ('problem' in answer) throw new Error(answer.problem)
      return answer
    },
    [Symbol.asyncDispose]: () => end(child),
  }
}
