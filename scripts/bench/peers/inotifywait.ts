// inotifywait of inotify-tools.

import { end, programOf, start } from '../processes.ts'
import { withoutDaemon, type Peer } from './peer.ts'

export const inotifywait: Peer = {
  name: 'inotifywait',
  open: async ({ tree }) => {
    const path = programOf('inotifywait')
    return path === undefined ? undefined : withoutDaemon({ watch: () => untilReady(path, tree.path) })
  },
}

async function untilReady(path: string, tree: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const began = performance.now()
  const child = start(path, ['-m', '-r', tree], { stdio: ['ignore', 'ignore', 'pipe'] })
  let text = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    if (text.includes('Watches established')) resolve()
  })
  child.once('close', () => reject(new Error(text.slice(-200))))
  await promise
  const ms = performance.now() - began
  await end(child)
  return ms
}
