// The end of a command. Node joins its threads when it exits, and one of them may stand in a file system that does not
// answer: then the process ends without that, and the kernel takes the thread with it.

import { openAssets } from '../base/assets.ts'
import { localTemporary } from './silent-places.ts'

/** True while a file call is under way that has not come back. */
export function fileCallStands(): boolean {
  return process.getActiveResourcesInfo().some((one) => one.startsWith('FSReq'))
}

export async function leave(code: number): Promise<never> {
  if (!fileCallStands()) process.exit(code)
  try {
    const exitAtOnce = await unpackedExit()
    exitAtOnce(code)
  } catch {
    // No native library: only a signal ends a process whose thread stands.
  }
  process.kill(process.pid, 'SIGKILL')
  return await new Promise<never>(() => {})
}

/** The library is in memory from here on, so that its file may go. */
async function unpackedExit(): Promise<(code: number) => void> {
  using _ = openAssets({ directory: undefined, temporary: localTemporary() })
  return (await import('../native/process.ts')).exitAtOnce
}
