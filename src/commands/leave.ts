// The end of a command. Node joins its threads when it exits, and one of them may stand in a file system that does not
// answer: then the process ends without that, and the kernel takes the thread with it.

import { openAssets } from '../base/assets.ts'
import { aLookStands } from '../workspace/files/mounts/first-look.ts'
import { localTemporary } from './silent-places.ts'

export async function leave(code: number): Promise<never> {
  if (!aLookStands()) process.exit(code)
  try {
    const exitAtOnce = await unpackedExit()
    exitAtOnce(code)
  } catch {
    // No native library: only a signal ends a process whose thread stands.
  }
  process.kill(process.pid, 'SIGKILL')
  return await new Promise<never>(() => {})
}

/** The library is loaded by a first call, so that its file may go before the last one. */
async function unpackedExit(): Promise<(code: number) => void> {
  using _ = openAssets({ directory: undefined, temporary: localTemporary() })
  const { exitAtOnce, fileLimit } = await import('../native/process.ts')
  fileLimit(0)
  return exitAtOnce
}
