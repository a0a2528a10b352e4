// Replaces a file again and again until it is killed, and sends its parent the hash of each content before and after
// the write. Arguments: the file, the state directory. The parent checks that the file is always one of both (F-06).

import { createHash, randomBytes } from 'node:crypto'
import { openFileWriter } from '../../../src/workspace/files/write/file-writer.ts'

const [path = '', stateDirectory = ''] = process.argv.slice(2)
const { signal } = new AbortController()
const writer = await openFileWriter({ stateDirectory, durable: true })
const tell = (message: object): Promise<void> =>
  new Promise((resolve) => process.send?.(message, undefined, undefined, () => resolve()))

for (;;) {
  const content = randomBytes(8 * 1024 * 1024)
  const hash = createHash('sha256').update(content).digest('hex')
  await tell({ begun: hash })
  await writer.write({ path, content, encoding: 'utf8', createDirs: false, append: false }, signal)
  await tell({ done: hash })
}
