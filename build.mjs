// `npm run build`: makes dist/workspace-runtime, one executable that needs neither Node nor node_modules.
// esbuild bundles the daemon and its workers, Node makes a blob of them with ripgrep and koffi's library, and
// postject puts it into a copy of Node. `npm run build -- --help` tells the rest; the work is in scripts/build.

import { main } from './scripts/build/main.ts'

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  console.error(`build: failed: ${error.message}`)
  process.exitCode = 1
}
