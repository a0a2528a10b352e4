// Reads the content of the files from the disk, not through the daemon, while no client writes.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { FILES, fileName, LOG } from './clients/files.ts'
import { sha256 } from './content.ts'
import type { Ground } from './ground.ts'
import type { Recorder } from './history.ts'

export function snapshot(ground: Ground, history: Recorder): void {
  for (let number = 0; number < FILES; number++) {
    const file = fileName(number)
    const path = join(ground.files, file)
    const begin = performance.now()
    const content = existsSync(path) ? sha256(readFileSync(path)) : null
    history.add({ type: 'read', client: 'disk', file, begin, end: performance.now(), sha256: content })
  }
}

/** Notes the final content of the log, and the commands that ran. */
export function remains(ground: Ground, history: Recorder): void {
  const text = (path: string): string => (existsSync(path) ? readFileSync(path, 'latin1') : '')
  history.add({ type: 'log', log: LOG, content: text(join(ground.files, LOG)) })
  history.add({
    type: 'ran',
    tags: text(ground.runs)
      .split('\n')
      .filter((tag) => tag !== ''),
  })
}
