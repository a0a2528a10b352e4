// The daemon's JavaScript: esbuild makes one file of src/main.ts, one of src/launch.ts, and one of each worker
// of src/threads, and says which packages are in them.

import { build } from 'esbuild'
import { basename } from 'node:path'
import { WORKERS } from '../../src/base/assets.ts'
import { ROOT, say } from './paths.ts'

/** Facts that the bundles get about their build; see src/base/assets.ts and src/launch.ts. */
export interface Built {
  readonly facts: { readonly version: string; readonly commit: string; readonly ripgrep: string }
  readonly parts: readonly { readonly name: string; readonly sha256: string; readonly bytes: number }[]
}

/** Bundles into `outdir`; returns the packages that are inside, as places in package-lock.json. */
export async function bundle(outdir: string, built: Built, compiled: boolean): Promise<string[]> {
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: ['src/launch.ts', 'src/main.ts', ...WORKERS.map((name) => `src/threads/${name}.ts`)],
    outdir,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: false,
    // Licence texts go into the archive unchanged (third-party.ts).
    legalComments: 'none',
    define: {
      BUILT: JSON.stringify(built),
      COMPILED: String(compiled),
      // Files beside the sources do not exist there: paths from import.meta.url start at the executable.
      'import.meta.url': 'EXECUTABLE_URL',
    },
    banner: { js: "const EXECUTABLE_URL=require('node:url').pathToFileURL(process.execPath).href;" },
    // import() does not work in a single executable with code cache.
    supported: { 'dynamic-import': false },
    logLevel: 'warning',
    metafile: true,
  })
  const outputs = Object.entries(result.metafile.outputs)
  const sizes = outputs.map(([path, { bytes }]) => `${basename(path)} ${(bytes / 1024).toFixed(0)} KiB`)
  say(`bundled ${sizes.join(', ')}`)
  const inputs = outputs.flatMap(([, output]) => Object.keys(output.inputs))
  return [...new Set(inputs.flatMap((path) => placeOf(path) ?? []))].toSorted()
}

/** Returns "node_modules/ws" for "node_modules/ws/lib/sender.js"; undefined for a file of ours. */
function placeOf(path: string): string | undefined {
  return /node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]
}
