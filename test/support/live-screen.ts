// Two ways to the screen of a program: inside `script` of util-linux, which is the reference, and in a terminal of the
// daemon over /ws.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'
import type { Daemon } from './daemon.ts'
import { COLS, ROWS, Screen } from './screen.ts'
import { view, type TextFrame, type Viewer } from './viewer.ts'

export interface Shown {
  readonly screen: Screen
  type(keys: string): void
  /** Resolves with the program's exit code. */
  readonly exit: Promise<number>
}

/** The command line that both ways run, with one window and one environment. */
export const commandLine = (home: string, command: string): string =>
  `cd '${home}'; stty rows ${ROWS} cols ${COLS}; ` +
  `exec env -i PATH='${process.env['PATH']}' HOME='${home}' SHELL=/bin/sh TERM=xterm-256color LANG=C.UTF-8 ${command}`

/** The program inside `script`. */
export function scripted(t: Test, line: string): Shown {
  const env = { ...process.env, SHELL: '/bin/sh', TERM: 'xterm-256color' }
  const child = spawn('script', ['-q', '-e', '-f', '-c', line, '/dev/null'], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exit = once(child, 'close').then(([code]) => (code as number | null) ?? -1)
  t.teardown(async () => {
    child.kill('SIGTERM')
    await exit
  })
  const type = (keys: string): void => void child.stdin.write(keys)
  const screen = new Screen()
  screen.onAnswer = type
  child.stdin.on('error', () => undefined) // it has ended
  child.stdout.on('data', (bytes: Buffer) => screen.write(bytes))
  return { screen, type, exit }
}

/** One socket's view of one terminal; the screen may be one that was fed by an earlier socket. */
export class LiveScreen implements Shown {
  readonly screen: Screen
  readonly exit: Promise<number>
  readonly #viewer: Viewer
  readonly #id: number
  /** Absolute offset of the next byte. */
  #offset = 0
  /** Offset below which all output was shown to an earlier socket. */
  #replayed = 0

  constructor(viewer: Viewer, id: number, screen: Screen) {
    this.#viewer = viewer
    this.#id = id
    this.screen = screen
    const { promise, resolve } = Promise.withResolvers<number>()
    this.exit = promise
    // What has come before the id was known, then the rest.
    for (const frame of viewer.frames) if ('channel' in frame) this.#hear(frame, resolve)
    this.#show(viewer.output(id))
    viewer.onOutput = (from, bytes) => {
      if (from === id) this.#show(bytes)
    }
    viewer.socket.on('message', (message: Buffer, binary) => {
      if (!binary) this.#hear(JSON.parse(message.toString()) as TextFrame, resolve)
    })
  }

  get offset(): number {
    return this.#offset
  }

  type(keys: string): void {
    this.#viewer.type(this.#id, keys)
  }

  /** The socket is closed; what was typed before has been read by the daemon. */
  async leave(): Promise<void> {
    await this.#viewer.settled()
    this.#viewer.socket.close()
    await this.#viewer.closed()
  }

  #hear(frame: TextFrame, exited: (code: number) => void): void {
    if (frame.id !== String(this.#id)) return
    if (frame.type === 'exit') exited(Number(frame.code))
    if (frame.type === 'gap') throw new Error(`bytes ${frame.from} to ${frame.to} are gone`)
    if (frame.type !== 'replay') return
    this.#offset = frame.from ?? 0
    this.#replayed = frame.to ?? 0
  }

  #show(bytes: Buffer): void {
    const again = Math.max(0, Math.min(bytes.length, this.#replayed - this.#offset))
    this.#offset += bytes.length
    if (again > 0) this.screen.write(bytes.subarray(0, again), true)
    if (again < bytes.length) this.screen.write(bytes.subarray(again))
  }
}

/** A terminal of the daemon with this line, and a first viewer. */
export async function live(t: Test, daemon: Daemon, line: string): Promise<{ id: number; shown: LiveScreen }> {
  const viewer = await view(t, socketOf(daemon))
  const request = { cmd: ['sh', '-c', line], cols: COLS, rows: ROWS, scrollback_size: 256 * 1024 }
  const { status, body } = await daemon.call('POST', '/terminals', request)
  if (status !== 201) throw new Error(JSON.stringify(body))
  const id = Number(body.id)
  const shown = new LiveScreen(viewer, id, new Screen())
  shown.screen.onAnswer = (text) => shown.type(text)
  return { id, shown }
}

export const socketOf = ({ port }: Daemon): string => `ws://127.0.0.1:${port}/ws`
