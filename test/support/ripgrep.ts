// The ripgrep of this machine's architecture, as the package manager installed it.

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export function ripgrepForTests(): string | undefined {
  const path = `../../node_modules/@vscode/ripgrep-linux-${process.arch}/bin/rg`
  const rg = fileURLToPath(new URL(path, import.meta.url))
  return existsSync(rg) ? rg : undefined
}
