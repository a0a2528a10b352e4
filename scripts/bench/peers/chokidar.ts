// chokidar as a program: most Node programs watch with it.

import { end, firstLine, programPath, start } from '../processes.ts'
import { withoutDaemon, type Peer } from './peer.ts'

export const chokidar: Peer = {
  name: 'chokidar',
  open: async ({ tree }) => withoutDaemon({ watch: () => watched('watch-chokidar.ts', [tree.path]) }),
}

/** Resolves with the milliseconds until ready, as the program measured them: without the start of Node. */
export async function watched(name: string, args: readonly string[]): Promise<number> {
  const child = start(process.execPath, [programPath(name), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    return Number(await firstLine(child))
  } finally {
    await end(child)
  }
}
