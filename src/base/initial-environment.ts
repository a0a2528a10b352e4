// The environment that this process was started with: the kernel shows it in /proc/<pid>/environ for as long as the
// process lives, and deleting a variable from process.env does not remove it there. A secret is overwritten in that
// memory, so that neither a file call nor another process of the user finds it later.

import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'

/** Field of /proc/<pid>/stat (proc(5)), counted from 1, that has the address of the environment. */
const ENV_START = 50
/** First field behind the program's name, which may hold blanks and brackets. */
const AFTER_NAME = 3

/** Overwrites the value of `name` wherever it stands. True: the memory does not hold it, or no longer. */
export function eraseInitialVariable(name: string): boolean {
  try {
    const found = valuesOf(name, readFileSync('/proc/self/environ'))
    if (found.length === 0) return true
    const start = startOfEnvironment(readFileSync('/proc/self/stat', 'latin1'))
    const memory = openSync('/proc/self/mem', 'r+')
    try {
      for (const { at, length } of found) writeSync(memory, Buffer.alloc(length), 0, length, start + at)
    } finally {
      closeSync(memory)
    }
    return valuesOf(name, readFileSync('/proc/self/environ')).length === 0
  } catch {
    return false // without /proc there is nothing to be read from it either
  }
}

/** Returns the places of non-empty values of `name` in the bytes of an environment. Exported for its test. */
export function valuesOf(name: string, environment: Buffer): { at: number; length: number }[] {
  const found: { at: number; length: number }[] = []
  const head = Buffer.from(`${name}=`)
  for (let at = 0; at < environment.byteLength;) {
    const zero = environment.indexOf(0, at)
    const end = zero < 0 ? environment.byteLength : zero
    const value = at + head.byteLength
    if (value < end && environment.subarray(at, value).equals(head)) found.push({ at: value, length: end - value })
    at = end + 1
  }
  return found
}

/** Returns the address of the environment. Exported for its test. */
export function startOfEnvironment(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[ENV_START - AFTER_NAME])
}
