// Where the daemon of a state directory is reached: one line, a URL, in a file beside its token. The daemon writes it
// once it serves and removes it at its end; commands of the same user read it, so that they find a daemon on any port.
// A daemon that was killed leaves it behind, so a reader asks there before it believes.

import { constants } from 'node:fs'
import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { attempt, openRegular, ownDirectory, replaceWhole } from '../base/private-file.ts'

const NAME = 'address'
/** Longer than any URL of ours. */
const MOST_BYTES = 300

/** Undefined where the state directory cannot be written: then commands look where the configuration says. */
export async function keepAddress(stateDirectory: string, url: string): Promise<AsyncDisposable | undefined> {
  const path = join(stateDirectory, NAME)
  if ((await ownDirectory(stateDirectory)) !== undefined) return undefined
  if ((await replaceWhole(path, `${url}\n`)) !== undefined) return undefined
  return {
    async [Symbol.asyncDispose]() {
      // Another daemon of this state directory may have come after us.
      if ((await readAddress(stateDirectory)) === url) await attempt(async () => await unlink(path))
    },
  }
}

/** The URL without a slash at its end; undefined: no daemon has left one that could be used. */
export async function readAddress(stateDirectory: string): Promise<string | undefined> {
  try {
    await using file = await openRegular(join(stateDirectory, NAME), constants.O_NOFOLLOW, 'the address file')
    if (file === undefined) return undefined
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MOST_BYTES), 0, MOST_BYTES, 0)
    const text = buffer.toString('latin1', 0, bytesRead).trim()
    return /^http:\/\/[\w.:[\]-]+$/.test(text) && URL.canParse(text) ? text : undefined
  } catch {
    return undefined // another user's, or not a file: as good as none
  }
}
