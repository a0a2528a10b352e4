// The address of the daemon of a state directory: one line, a URL, in a file beside its token. The daemon writes it
// once it serves and removes it at its end; commands of the same user read it, so that they find a daemon on any port.
// A daemon that was killed leaves the file behind, so a reader asks at the address before it believes the file.

import { constants } from 'node:fs'
import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { attempt, openRegular, ownDirectory, replaceWhole } from '../base/private-file.ts'

const NAME = 'address'
/** Bytes that are read at most: longer than any URL of ours. */
const MOST_BYTES = 300

/** Writes the address. Undefined if that fails: then commands look where the configuration says. */
export async function keepAddress(stateDirectory: string, url: string): Promise<AsyncDisposable | undefined> {
  const path = join(stateDirectory, NAME)
  if ((await ownDirectory(stateDirectory)) !== undefined) return undefined
  if ((await replaceWhole(path, `${url}\n`)) !== undefined) return undefined
  return {
    async [Symbol.asyncDispose]() {
      // Another daemon of this state directory may have replaced our address.
      if ((await readAddress(stateDirectory)) === url) await attempt(async () => await unlink(path))
    },
  }
}

/** Returns the URL without a slash at its end; undefined: no daemon has left one that could be used. */
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
