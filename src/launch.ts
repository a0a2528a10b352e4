// The first code of the executable. It runs the bundle of main.ts from two assets of the build: the text, and the
// compiled form of every function that a start has used. Node's code cache holds the top level alone, and compiling the
// rest takes a fifth of the start. If V8 refuses the compiled form, it compiles the text; a build for another
// architecture has no compiled form.

import { getRawAsset } from 'node:sea'
import { Script } from 'node:vm'

/** True if this build kept compiled code; the build writes the value in (scripts/build/bundle.ts). */
declare const COMPILED: boolean

/** Modules that are slow to load and not needed before the first client shows a credential. */
const LATE = new Set(['node:crypto'])

// The bundle is ASCII (esbuild escapes the rest), so latin1 decodes it byte for byte.
const text = Buffer.from(getRawAsset('main.js')).toString('latin1')
const compiled = COMPILED ? { cachedData: Buffer.from(getRawAsset('main.cache')) } : {}
const script = new Script(text, { filename: 'workspace-runtime', ...compiled })
// The build has made the bundle a function with one parameter: `require`, for Node's own modules.
const main = script.runInThisContext() as (require: (name: string) => unknown) => void
main((name) => (LATE.has(name) ? late(name) : builtin(name)))

/** Returns a module of Node. Optional parts of packages are not in the bundle: the packages look for the error. */
function builtin(name: string): object {
  const found = process.getBuiltinModule(name)
  if (found === undefined) throw new Error(`the executable holds no module ${name}`)
  return found
}

/** Returns a stand-in that loads the module when one of its exports is first used; imports are read at their use. */
function late(name: string): unknown {
  let real: object | undefined
  return new Proxy({}, { get: (_, key) => Reflect.get((real ??= process.getBuiltinModule(name) as object), key) })
}
