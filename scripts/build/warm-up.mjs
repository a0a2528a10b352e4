// Starts the bundled daemon outside the executable and, when it ends, keeps the compiled form of what it has
// used. build.mjs runs this with the very Node that the executable is made of: the form is V8's own.

import { readFileSync, writeFileSync } from 'node:fs'
import { Script } from 'node:vm'

const { text, cache, assets } = JSON.parse(process.env.WARM_UP)
delete process.env.WARM_UP

const script = new Script(readFileSync(text, 'latin1'), { filename: 'workspace-runtime' })
/** `node:sea` as it is inside the executable. */
const sea = {
  getAsset: (name, encoding) => readFileSync(assets[name], encoding),
  getRawAsset: (name) => new Uint8Array(readFileSync(assets[name])).buffer,
}
process.on('exit', () => writeFileSync(cache, script.createCachedData()))
script.runInThisContext()((name) => (name === 'node:sea' ? sea : process.getBuiltinModule(name)))
