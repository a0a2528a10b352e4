// The first code of the executable. It runs the bundle of main.ts from what the build kept: the text, and the
// compiled form of every function that a start has used. Node's own code cache holds the top level alone,
// and compiling the rest costs a fifth of the start. A form that V8 refuses is compiled from the text; a build
// for another architecture has none.

import { getRawAsset } from 'node:sea'
import { Script } from 'node:vm'

/** Whether this build kept compiled code; what makes the bundle writes it in (scripts/build/bundle.ts). */
declare const COMPILED: boolean

/** Dear to load, and not needed before the first caller shows a credential. */
const LATE = new Set(['node:crypto'])

// The bundle is ASCII (esbuild escapes the rest), so the text is taken byte for byte.
const text = Buffer.from(getRawAsset('main.js')).toString('latin1')
const compiled = COMPILED ? { cachedData: Buffer.from(getRawAsset('main.cache')) } : {}
const script = new Script(text, { filename: 'workspace-runtime', ...compiled })
// The build has made the bundle a function of its one need: `require`, for Node's own modules.
const main = script.runInThisContext() as (require: (name: string) => unknown) => void
main((name) => (LATE.has(name) ? late(name) : builtin(name)))

/** Packages try optional parts that the bundle does not have; they look for the error. */
function builtin(name: string): object {
  const found = process.getBuiltinModule(name)
  if (found === undefined) throw new Error(`the executable holds no module ${name}`)
  return found
}

/** The module, loaded when something of it is first used; imports are read where they are used. */
function late(name: string): unknown {
  let real: object | undefined
  return new Proxy({}, { get: (_, key) => Reflect.get((real ??= process.getBuiltinModule(name) as object), key) })
}
