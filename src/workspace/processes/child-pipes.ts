// The pipes of a child: the ends that stay in the daemon, as streams, and the ends that the child gets.

import { closeSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { openPipe, POLLHUP, POLLIN, pollReadable } from '../../native/libc.ts'
import type { Pipes } from '../../native/spawn.ts'
import { Leader } from './leader.ts'

/** Descriptors of the ends that stay in the daemon. */
export interface KeptPipes {
  readonly stdin: number | undefined
  readonly stdout: number
  readonly stderr: number
}

interface OpenPipes {
  readonly kept: KeptPipes
  readonly given: Pipes
  /** Closes the child's ends: it has its own now, or none will be started. */
  readonly closeGiven: () => void
  /** Closes the daemon's ends: no child has been started. */
  readonly closeKept: () => void
}

/** Opens the pipes. `empty` is /dev/null: an immediate end that can still be opened as /dev/stdin. */
export function openPipes(input: 'pipe' | 'empty'): OpenPipes {
  const ours: number[] = []
  const theirs: number[] = []
  const close = (fds: number[]) => (): void => fds.splice(0).forEach((fd) => closeSync(fd))
  const pipe = (keep: 'reader' | 'writer') => {
    const ends = openPipe()
    const [kept, given] = keep === 'reader' ? [ends.reader, ends.writer] : [ends.writer, ends.reader]
    ours.push(kept)
    theirs.push(given)
    return { kept, given }
  }
  try {
    const stdin = input === 'pipe' ? pipe('writer') : undefined
    const [stdout, stderr] = [pipe('reader'), pipe('reader')]
    return {
      kept: { stdin: stdin?.kept, stdout: stdout.kept, stderr: stderr.kept },
      given: { stdin: stdin?.given ?? '/dev/null', stdout: stdout.given, stderr: stderr.given },
      closeGiven: close(theirs),
      closeKept: close(ours),
    }
  } catch (error) {
    close(ours)()
    close(theirs)()
    throw error
  }
}

/** A child on pipes. */
export class PipedChild extends Leader {
  /** Errors (the reader has gone) reach the callback of the write, never the process. */
  readonly stdin: Writable | undefined
  readonly stdout: Readable
  readonly stderr: Readable
  readonly #outputs: readonly { readonly fd: number; readonly socket: Socket }[]

  constructor(pid: number, ends: KeptPipes, gone: (pid: number) => void) {
    super(pid, gone)
    const [stdout, stderr] = [pipeSocket(ends.stdout, 'read'), pipeSocket(ends.stderr, 'read')]
    this.stdin = ends.stdin === undefined ? undefined : pipeSocket(ends.stdin, 'write')
    this.stdout = stdout
    this.stderr = stderr
    this.#outputs = [
      { fd: ends.stdout, socket: stdout },
      { fd: ends.stderr, socket: stderr },
    ]
  }

  /** Returns true if neither output pipe has bytes, or its end, waiting in the kernel. */
  outputIdle(): boolean {
    // A destroyed socket's descriptor may already belong to another file.
    const open = this.#outputs.filter(({ socket }) => !socket.destroyed && !socket.readableEnded)
    const events = pollReadable(
      open.map(({ fd }) => fd),
      0,
    )
    return events.every((event) => (event & (POLLIN | POLLHUP)) === 0)
  }

  override release(): void {
    this.stdin?.destroy()
    super.release()
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.signalSession('SIGKILL')
    this.stdout.destroy()
    this.stderr.destroy()
    await super[Symbol.asyncDispose]()
  }
}

function pipeSocket(fd: number, way: 'read' | 'write'): Socket {
  const socket = new Socket({ fd, readable: way === 'read', writable: way === 'write' })
  // A writer learns of the error from its write, a reader from the close.
  return socket.on('error', () => {})
}
