// Reads facts of the daemon's start that Node no longer shows: variables as bytes, and how many files might be open
// before Node raised its own limit. Read once, at the start.

import { readFileSync } from 'node:fs'
import { textOfBytes } from '../../base/bytes-text.ts'

/** Returns the environment with the exact bytes of every variable that is not UTF-8; others are left as they are. */
export function exactEnvironment(environment: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const exact = { ...environment }
  for (const entry of ownVariables()) {
    const text = textOfBytes(entry)
    if (text.isWellFormed()) continue
    const [lossyName, lossyValue] = parted(entry.toString('utf8'))
    const [name, value] = parted(text)
    // A variable that was changed or removed since stays so. Node shows a name that is not UTF-8 without its value.
    if (name.isWellFormed() && exact[lossyName] !== lossyValue) continue
    delete exact[lossyName]
    exact[name] = value
  }
  return exact
}

function ownVariables(): Buffer[] {
  try {
    const entries: Buffer[] = []
    let rest: Buffer = readFileSync('/proc/self/environ')
    for (let end = rest.indexOf(0); end !== -1; end = rest.indexOf(0)) {
      entries.push(rest.subarray(0, end))
      rest = rest.subarray(end + 1)
    }
    return entries
  } catch {
    return []
  }
}

function parted(entry: string): readonly [string, string] {
  const at = entry.indexOf('=', 1)
  return at === -1 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)]
}

const RAISERS = /^(?:systemd|node|npm|MainThread|workspace-runt)/

/**
 * Returns the soft limit of open files of the process that started us, which was ours too. Undefined if it says nothing
 * about the user's wish: Node (npm, a test) and service managers raise their own to the hard limit.
 */
export function parentFiles(parent = process.ppid): number | undefined {
  if (parent <= 1) return undefined
  try {
    const name = readFileSync(`/proc/${parent}/comm`, 'utf8').trimEnd()
    if (RAISERS.test(name)) return undefined
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${parent}/limits`, 'latin1'))?.[1]
    return soft === undefined ? undefined : Number(soft)
  } catch {
    return undefined
  }
}
