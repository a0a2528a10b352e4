// Real terminals without a transport: a table for each test, and functions that type and follow.

import { setTimeout as pause } from 'node:timers/promises'
import type { Test } from 'tap'
import { openChildren } from '../../src/workspace/processes/child.ts'
import type { Terminal } from '../../src/workspace/terminals/terminal.ts'
import { openTerminals, type TerminalsOptions } from '../../src/workspace/terminals/terminals.ts'
import { terminalsHere, type TerminalsHere } from './here.ts'
import { ownDirectory } from './own-directory.ts'
import { until } from './until.ts'

export function openTestTerminals(t: Test, more: Partial<TerminalsOptions> = {}): TerminalsHere {
  const children = openChildren()
  const home = ownDirectory(t, 'home-')
  const environment = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: home, LANG: 'C.UTF-8', COLUMNS: '7' }
  const options = { children, limit: 10, workdir: '/tmp', environment, shell: '/bin/sh', ...more }
  const terminals = terminalsHere(openTerminals(options))
  t.teardown(async () => {
    await terminals[Symbol.asyncDispose]()
    await children[Symbol.asyncDispose]()
  })
  return terminals
}

export const script = (terminals: TerminalsHere, line: string): Terminal =>
  terminals.create({ command: ['sh', '-c', line] })

/** A client: everything it is given, in order, and whether the exit came behind it. */
export interface Follower extends Disposable {
  readonly bytes: () => Buffer
  readonly text: () => string
  readonly position: () => number
  /** Reads no more until told to. */
  pause(paused: boolean): void
  /** Resolves with the exit code behind the last byte. */
  readonly exit: Promise<number>
}

export interface FollowOptions {
  readonly since?: number | undefined
  readonly piece?: number
  readonly paused?: boolean
  /** What is done with the bytes instead of keeping them. */
  readonly take?: (bytes: Uint8Array) => void
}

export function follow(terminal: Terminal, options: FollowOptions = {}): Follower {
  const chunks: Buffer[] = []
  const { promise, resolve } = Promise.withResolvers<number>()
  const { piece = 16 * 1024, take = (bytes: Uint8Array) => void chunks.push(Buffer.from(bytes)) } = options
  let paused = options.paused ?? false
  const read = (): void => {
    if (paused) return
    for (let next = place.read(piece); next !== undefined; next = place.read(piece)) {
      if (next.gap > 0) throw new Error(`a gap of ${next.gap} bytes at ${next.offset}`)
      take(next.bytes)
    }
    if (place.exitCode !== undefined && place.position === place.end) resolve(place.exitCode)
  }
  const place = terminal.attach({ since: options.since, wake: read })
  read()
  return {
    bytes: () => Buffer.concat(chunks),
    text: () => Buffer.concat(chunks).toString(),
    position: () => place.position,
    pause(wanted) {
      paused = wanted
      read()
    },
    exit: promise,
    [Symbol.dispose]: () => place[Symbol.dispose](),
  }
}

/** Everything a terminal prints, followed from its start, and its exit code. */
export async function whole(terminal: Terminal): Promise<{ readonly text: string; readonly code: number }> {
  using client = follow(terminal, { since: 0 })
  const code = await client.exit
  return { text: client.text(), code }
}

/** Waits until the text has been printed. */
export const printed = (client: Follower, text: string | RegExp): Promise<void> =>
  until(`${String(text)} is printed, after ${JSON.stringify(client.text().slice(-200))}`, () =>
    typeof text === 'string' ? client.text().includes(text) : text.test(client.text()),
  )

/** Waits until a number has grown and stays the same for a while: something has come to rest. */
export async function settled(what: string, value: () => number, ms = 100): Promise<number> {
  let last = Number.NaN
  await until(`${what} comes to rest`, async () => {
    const before = value()
    await pause(ms)
    last = value()
    return last > 0 && last === before
  })
  return last
}
