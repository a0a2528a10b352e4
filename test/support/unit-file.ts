// A unit file as its settings: what systemd would read, for tests that play systemd's part.

import { readFileSync } from 'node:fs'

export interface UnitFile {
  /** All values of a setting, in order; "Service.ExecStart". */
  all(name: string): readonly string[]
  /** The last value. */
  last(name: string): string | undefined
}

export function readUnit(path: string): UnitFile {
  const settings: (readonly [string, string])[] = []
  let section = ''
  for (const line of readFileSync(path, 'utf8').replaceAll(/\\\n/g, ' ').split('\n')) {
    const header = /^\[(\w+)\]$/.exec(line)?.[1]
    if (header !== undefined) section = header
    const setting = /^([A-Za-z]\w*)\s*=\s*(.*)$/.exec(line)
    if (setting !== null) settings.push([`${section}.${setting[1]}`, setting[2] ?? ''])
  }
  const all = (name: string) => settings.filter(([key]) => key === name).map(([, value]) => value)
  return { all, last: (name) => all(name).at(-1) }
}

/** A time span as systemd writes it: a bare number is seconds. */
export function milliseconds(span: string | undefined): number {
  const [, count, unit] = /^(\d+)(ms|s|min)?$/.exec(span ?? '') ?? []
  if (count === undefined) throw new Error(`not a time span: ${span}`)
  return Number(count) * (unit === 'ms' ? 1 : unit === 'min' ? 60_000 : 1000)
}
