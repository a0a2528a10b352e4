// The thread that moves the bytes of all terminals: a flood read on the main thread keeps it 95 % busy. It waits in
// poll(2) for their masters and for a pipe by which the main thread wakes it, so it hears no event; it fetches messages
// after each wake. Bytes go from the pty into the terminal's ring here (terminal/line.ts); `news` tells
// workspace/terminals/reader.ts, from where they go to clients. The main thread opens and closes descriptors.

import { readSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { mainPort } from '../base/port.ts'
import { sayLastCall } from '../native/last-call.ts'
import { POLLIN, PollSet } from '../native/libc.ts'
import { TerminalLine } from './terminal/line.ts'
import { NEWS, STOP, WOKEN, type FromReader, type ReaderStart, type ToReader } from './terminal/messages.ts'
import { TerminalRing } from './terminal/ring.ts'

/** Pause between two `news` to the main thread: a flood costs it a message each time, an echo none of the wait. */
const NEWS_MS = 2
/** Bytes that are told at once: a fast program fills what a client may be behind (256 KiB) in less than that pause. */
const NEWS_BYTES = 32 * 1024

const { wake, control, lastCall } = workerData as ReaderStart // startWorker's caller gives exactly this
const main = mainPort<ToReader, FromReader>()
const cells = new Int32Array(control)
const lines = new Map<number, TerminalLine>()
const polled = new PollSet()
const pipeBytes = Buffer.alloc(16)
let lastNews = 0
/** Bytes that the main thread has not been told of. */
let untold = 0

function take(message: ToReader): void {
  if (message.type === 'add') {
    lines.set(message.line, new TerminalLine(message.master, new TerminalRing(message.shared)))
    return
  }
  const line = lines.get(message.line)
  if (message.type === 'finish') line?.finish()
  else line?.cut()
}

/**
 * Fetches messages. Clears the cell after the pipe and before it looks: a message posted later puts a byte into the
 * pipe again.
 */
function hear(): void {
  readSync(wake, pipeBytes)
  Atomics.store(cells, WOKEN, 0)
  for (let next = main.next(); next !== undefined; next = main.next()) take(next)
}

/** Tells the main thread that rings have grown, unless it has not looked since the last time. */
function tell(now: number): void {
  if (untold === 0 || (untold < NEWS_BYTES && now - lastNews < NEWS_MS)) return
  untold = 0
  lastNews = now
  if (Atomics.exchange(cells, NEWS, 1) === 0) main.say({ type: 'news' })
}

/** Returns the milliseconds until something has to be done that no descriptor announces; -1 for no such thing. */
function patience(now: number): number {
  let at = untold > 0 ? lastNews + NEWS_MS : Number.POSITIVE_INFINITY
  for (const line of lines.values()) at = Math.min(at, line.restsUntil(now) || at)
  return at === Number.POSITIVE_INFINITY ? -1 : Math.max(1, Math.ceil(at - now))
}

function round(): void {
  const began = performance.now()
  polled.clear()
  const pipe = polled.add(wake, POLLIN)
  const asked = [...lines.values()].map((line) => ({ line, entry: polled.add(line.master, line.wants(began)) }))
  polled.wait(patience(began))
  const now = performance.now()
  if (polled.reported(pipe) !== 0) hear()
  for (const { line, entry } of asked) {
    const reported = polled.reported(entry)
    if (!line.over && reported !== 0) untold += line.serve(reported, now)
  }
  for (const [number, line] of lines) {
    if (!line.over) continue
    lines.delete(number)
    main.say({ type: 'over', line: number })
  }
  tell(now)
}

// Loads the native library now, while there are descriptors for it and no terminal depends on this thread.
polled.wait(0)
main.say({ type: 'up' })
while (Atomics.load(cells, STOP) === 0) round()
sayLastCall(lastCall)
