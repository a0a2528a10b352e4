// Ends a command's process. Node joins its threads at exit, and one of them may wait for a file system that does not
// answer: then the process ends without joining, and the kernel ends the thread with it.

import { openAssets } from '../base/assets.ts'
import { aLookStands } from '../workspace/files/mounts/first-look.ts'
import { localTemporary } from './silent-places.ts'

export async function leave(code: number): Promise<never> {
  if (!aLookStands()) process.exit(code)
  try {
    const exitAtOnce = await unpackedExit()
    exitAtOnce(code)
  } catch {
    // Without the native library only a signal ends a process whose thread does not return.
  }
  process.kill(process.pid, 'SIGKILL')
  return await new Promise<never>(() => {})
}

/** Loads the library by a first call, so that its file may be removed before the last one. */
async function unpackedExit(): Promise<(code: number) => void> {
  using _ = openAssets({ directory: undefined, temporary: localTemporary() })
  const { exitAtOnce, fileLimit } = await import('../native/process.ts')
  fileLimit(0)
  return exitAtOnce
}
