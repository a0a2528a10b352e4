// The same with @parcel/watcher, from the directory of the second argument: it is no dependency of the project.

import { createRequire } from 'node:module'

interface ParcelWatcher {
  subscribe(path: string, told: () => void): Promise<unknown>
}

const [, , path = '', installed = ''] = process.argv
const watcher = createRequire(`${installed}/package.json`)('@parcel/watcher') as ParcelWatcher // its documentation
const began = performance.now()
await watcher.subscribe(path, () => undefined)
console.log(performance.now() - began)
setInterval(() => undefined, 60_000)
