// The system calls Node lacks that are about running processes: how one ended, without
// reaping it; reaping; resource limits. Numbers that differ between architectures are listed for each.

import { constants } from 'node:os'
import { checked, errnoName, lastErrno, libc, signalName, systemError } from './libc.ts'

/** glibc's waitid leaves out the rusage that the kernel's has, so the kernel is asked directly. */
const SYS_WAITID: Readonly<Record<string, number>> = { x64: 247, arm64: 95 }

// syscall() is variadic in C; a plain call with integers and pointers passes the same registers on x64 and arm64.
const syscall5 = libc.func('long syscall(long number, long a, long b, void *c, long d, void *e)')

const P_PID = 1
const WNOHANG = 0x1
const WEXITED = 0x4
const WNOWAIT = 0x01000000
const CLD_EXITED = 1

/** siginfo_t as waitid fills it (64-bit). */
export const SIGINFO = { bytes: 128, code: 8, pid: 16, status: 24 } as const
/** struct rusage (64-bit): two struct timeval, then ru_maxrss in KiB. */
export const RUSAGE = { bytes: 144, userSec: 0, userUsec: 8, systemSec: 16, systemUsec: 24, maxRss: 32 } as const

/** The end of a process, and the kernel's count of its resources. */
export interface Ending {
  /** Exit status; 128 + n when signal n ended it. */
  readonly code: number
  readonly signal: string | undefined
  readonly cpuUserMs: number
  readonly cpuSystemMs: number
  /** Bytes of peak memory, an upper bound: a child's peak starts at its parent's size. */
  readonly maxRssBytes: number
}

const siginfo = Buffer.alloc(SIGINFO.bytes)
const rusage = Buffer.alloc(RUSAGE.bytes)

/** Returns the ending of a child, undefined while it runs. The zombie stays: its number cannot be given to another. */
export function peekEnding(pid: number): Ending | undefined {
  return waitFor(pid, WEXITED | WNOHANG | WNOWAIT) ? endingOf(siginfo, rusage) : undefined
}

/** Lets the kernel forget a child that has ended; false while it runs or when there is no such child. */
export function reap(pid: number): boolean {
  try {
    return waitFor(pid, WEXITED | WNOHANG)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ECHILD') return false
    throw error
  }
}

function waitFor(pid: number, options: number): boolean {
  const number = SYS_WAITID[process.arch]
  if (number === undefined) throw systemError('waitid', constants.errno.ENOSYS)
  siginfo.writeInt32LE(0, SIGINFO.pid)
  checked('waitid', Number(syscall5(number, P_PID, pid, siginfo, options, rusage)))
  return siginfo.readInt32LE(SIGINFO.pid) !== 0
}

/** Reads what waitid has filled in. */
export function endingOf(info: Buffer, usage: Buffer): Ending {
  const status = info.readInt32LE(SIGINFO.status)
  const exited = info.readInt32LE(SIGINFO.code) === CLD_EXITED
  const ms = (sec: number, usec: number) =>
    Number(usage.readBigInt64LE(sec)) * 1000 + Number(usage.readBigInt64LE(usec)) / 1000
  return {
    code: exited ? status : 128 + status,
    signal: exited ? undefined : signalName(status),
    cpuUserMs: ms(RUSAGE.userSec, RUSAGE.userUsec),
    cpuSystemMs: ms(RUSAGE.systemSec, RUSAGE.systemUsec),
    maxRssBytes: Number(usage.readBigInt64LE(RUSAGE.maxRss)) * 1024,
  }
}

const exit = libc.func('void _exit(int code)')

/** Ends this process and all its threads now, without joining any. */
export function exitAtOnce(code: number): void {
  exit(code)
}

const RLIMIT_NOFILE = 7
const RLIMIT_BYTES = 16
/** struct rlimit { rlim_t soft, hard } of 64 bits each; all ones means no limit. */
const prlimit = libc.func('int prlimit(int pid, int resource, void *next, void *previous)')

export interface Limit {
  readonly soft: bigint
  readonly hard: bigint
}

/** Returns how many descriptors a process may have open; pid 0 is this one. */
export function fileLimit(pid: number): Limit {
  const previous = Buffer.alloc(RLIMIT_BYTES)
  checked('prlimit', prlimit(pid, RLIMIT_NOFILE, null, previous))
  return { soft: previous.readBigUInt64LE(0), hard: previous.readBigUInt64LE(RLIMIT_BYTES / 2) }
}

/** Sets the limit; returns the errno's name if the process has gone or may not be changed. */
export function setFileLimit(pid: number, limit: Limit): string | undefined {
  const result: number = prlimit(pid, RLIMIT_NOFILE, BigUint64Array.of(limit.soft, limit.hard), null)
  return result === -1 ? errnoName(lastErrno()) : undefined
}
