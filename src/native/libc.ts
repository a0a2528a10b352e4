// The system calls Node lacks that are about descriptors: pipe, poll, close-on-exec. Every
// signature, constant and struct layout of libc that the daemon uses is in src/native (processes: process.ts,
// starting one: spawn.ts), and only src/native knows koffi. Wrappers return numbers or throw an Error whose
// `code` is the errno's name. Layouts hold for 64-bit Linux, glibc and musl, x64 and arm64.

import { readdirSync } from 'node:fs'
import { constants } from 'node:os'
import { loadKoffi, type LibraryHandle } from './koffi.ts'

let opened: { readonly koffi: ReturnType<typeof loadKoffi>; readonly library: LibraryHandle } | undefined

/** Opens koffi and the C library at the first call: a start makes none, so it does not pay for them. */
function native(): NonNullable<typeof opened> {
  if (opened === undefined) {
    const koffi = loadKoffi()
    opened = { koffi, library: koffi.load(null) }
  }
  return opened
}

type NativeFunction = ReturnType<LibraryHandle['func']>
export type NativeCall = (...parameters: Parameters<NativeFunction>) => ReturnType<NativeFunction>

/** The C library this process already runs on: glibc or musl, whichever Node was linked with. */
export const libc = {
  /** Returns a function of the library, which is looked up when it is first called. */
  func(signature: string): NativeCall {
    let found: NativeFunction | undefined
    return (...parameters) => (found ??= native().library.func(signature))(...parameters)
  },
  /** Returns a function that may wait for a disk, on a thread of koffi. Its result tells success or failure only. */
  waiting(signature: string): (...parameters: Parameters<NativeFunction>) => Promise<number> {
    let found: NativeFunction | undefined
    return async (...parameters) => {
      const { promise, resolve, reject } = Promise.withResolvers<number>()
      found ??= native().library.func(signature)
      found.async(...parameters, (error: unknown, result: number) => {
        if (error instanceof Error) reject(error)
        else resolve(result)
      })
      return await promise
    }
  },
  /** True if this version has the symbol. */
  has(signature: string): boolean {
    try {
      native().library.func(signature)
      return true
    } catch {
      return false
    }
  },
}

/** Returns the address of `bytes`. The caller keeps `bytes` referenced for as long as the address is in use. */
export function addressOf(bytes: Uint8Array): bigint {
  return native().koffi.address(bytes)
}

/** Returns errno of the call just made. Read it before any other call can change it. */
export function lastErrno(): number {
  return native().koffi.errno()
}

const ERRNO_NAMES: ReadonlyMap<number, string> = reversed(constants.errno)
const SIGNAL_NAMES: ReadonlyMap<number, string> = reversed(constants.signals)

/** Returns number to name; of two names for one number the first listed wins (EAGAIN, SIGABRT, SIGIO). */
function reversed(names: object): ReadonlyMap<number, string> {
  return new Map(
    Object.entries(names)
      .reverse()
      .map(([name, number]) => [Number(number), name] as const),
  )
}

export function errnoName(errno: number): string {
  return ERRNO_NAMES.get(errno) ?? `E${errno}`
}

/** First real-time signal, as the kernel counts. */
const SIGRTMIN = 32

export function signalName(signal: number): string {
  return SIGNAL_NAMES.get(signal) ?? `SIGRTMIN+${signal - SIGRTMIN}`
}

export function systemError(call: string, errno: number): Error & { code: string } {
  const code = errnoName(errno)
  return Object.assign(new Error(`${call}: ${code}`), { code, errno, syscall: call })
}

/** Throws if the result of a call is -1. */
export function checked(call: string, result: number): number {
  if (result !== -1) return result
  throw systemError(call, lastErrno())
}

const O_CLOEXEC = 0o2000000
const pipe2 = libc.func('int pipe2(void *fds, int flags)')

/** Opens a pipe whose ends no child inherits unless they are handed over. */
export function openPipe(): { readonly reader: number; readonly writer: number } {
  const ends = Buffer.alloc(8) // int[2]
  checked('pipe2', pipe2(ends, O_CLOEXEC))
  return { reader: ends.readInt32LE(0), writer: ends.readInt32LE(4) }
}

/** struct pollfd { int fd; short events; short revents } */
export const POLLFD = { bytes: 8, fd: 0, events: 4, revents: 6 } as const
export const POLLIN = 0x001
export const POLLERR = 0x008
export const POLLHUP = 0x010

const poll = libc.func('int poll(void *fds, unsigned long count, int timeout)')

/** Returns what each descriptor reports, waiting up to `timeoutMs`: POLLIN, and unasked POLLHUP, POLLERR, POLLNVAL. */
export function pollReadable(fds: readonly number[], timeoutMs: number): readonly number[] {
  const entries = Buffer.alloc(fds.length * POLLFD.bytes)
  fds.forEach((fd, index) => {
    entries.writeInt32LE(fd, index * POLLFD.bytes + POLLFD.fd)
    entries.writeInt16LE(POLLIN, index * POLLFD.bytes + POLLFD.events)
  })
  // A signal that interrupts the wait leaves every answer at 0: nothing to report.
  if (poll(entries, fds.length, timeoutMs) === -1 && lastErrno() !== constants.errno.EINTR) {
    throw systemError('poll', lastErrno())
  }
  return fds.map((_, index) => entries.readInt16LE(index * POLLFD.bytes + POLLFD.revents))
}

const POLLOUT = 0x004

/** True if a descriptor takes bytes now, or would fail at once. */
export function pollWritable(fd: number): boolean {
  const entry = Buffer.alloc(POLLFD.bytes)
  entry.writeInt32LE(fd, POLLFD.fd)
  entry.writeInt16LE(POLLOUT, POLLFD.events)
  return poll(entry, 1, 0) === 1
}

const F_SETFD = 2
const FD_CLOEXEC = 1
const fcntl = libc.func('int fcntl(int fd, int command, long argument)')

/**
 * Marks every descriptor above 2 close-on-exec. Node opens its own that way; those it inherited from its parent
 * (sockets of a service manager, leaks of a shell) are not all marked.
 */
export function closeAllOnExec(): void {
  for (const fd of openDescriptors()) if (fd > 2) fcntl(fd, F_SETFD, FD_CLOEXEC) // one has gone since: the listing's own
}

/** Descriptors that are marked if there is no /proc: those that a service manager or a shell could have left. */
const GUESSED_DESCRIPTORS = 1024

function openDescriptors(): number[] {
  try {
    return readdirSync('/proc/self/fd').map(Number)
  } catch {
    return Array.from({ length: GUESSED_DESCRIPTORS }, (_, fd) => fd)
  }
}

const FIRST_ENTRIES = 16

/**
 * Descriptors to wait for with poll(2), in memory that is used again for each wait: for threads that wait thousands of
 * times a second. Entries are numbered in the order in which they are added.
 */
export class PollSet {
  #entries = Buffer.alloc(FIRST_ENTRIES * POLLFD.bytes)
  #count = 0

  clear(): void {
    this.#count = 0
  }

  /** Adds a descriptor and returns its entry's number. With no events poll(2) ignores it, hang-ups included. */
  add(fd: number, events: number): number {
    const at = this.#count * POLLFD.bytes
    if (at === this.#entries.byteLength) {
      this.#entries = Buffer.concat([this.#entries], this.#entries.byteLength * 2)
    }
    this.#entries.writeInt32LE(events === 0 ? -1 : fd, at + POLLFD.fd)
    this.#entries.writeInt16LE(events, at + POLLFD.events)
    this.#entries.writeInt16LE(0, at + POLLFD.revents)
    return this.#count++
  }

  /** Waits until an entry has something to report; -1 ms: without limit. A signal ends the wait early. */
  wait(ms: number): void {
    if (poll(this.#entries, this.#count, ms) === -1 && lastErrno() !== constants.errno.EINTR) {
      throw systemError('poll', lastErrno())
    }
  }

  /** Returns what the entry reported after the wait; 0: nothing. */
  reported(entry: number): number {
    return this.#entries.readInt16LE(entry * POLLFD.bytes + POLLFD.revents)
  }
}

const getrandom = libc.func('long getrandom(void *bytes, size_t count, unsigned int flags)')

/** Fills `bytes` by getrandom(2), which needs neither a descriptor nor a file: glibc 2.25, musl 1.1.20. */
export function fillRandom(bytes: Buffer): void {
  for (let filled = 0; filled < bytes.length;) {
    const got = Number(getrandom(bytes.subarray(filled), bytes.length - filled, 0))
    if (got > 0) filled += got
    else if (lastErrno() !== constants.errno.EINTR) throw systemError('getrandom', lastErrno())
  }
}
