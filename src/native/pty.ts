// Pseudo-terminals: opens a pair, sets its size, and reads and writes the master without waiting. The requests and
// struct layouts are the kernel's, the same on x64 and arm64. A master read through Node's streams loses output at the
// end, so the daemon reads it by system calls.

import { closeSync, constants as files, openSync } from 'node:fs'
import { constants } from 'node:os'
import { checked, lastErrno, libc, systemError } from './libc.ts'

const O_CLOEXEC = 0o2000000
const NAME_BYTES = 64

const posixOpenpt = libc.func('int posix_openpt(int flags)')
const grantpt = libc.func('int grantpt(int fd)')
const unlockpt = libc.func('int unlockpt(int fd)')
const ptsnameR = libc.func('int ptsname_r(int fd, void *name, size_t size)')
// Variadic in C; a plain call with one pointer passes the same registers on x64 and arm64.
const ioctl = libc.func('int ioctl(int fd, unsigned long request, void *argument)')
const read = libc.func('long read(int fd, void *bytes, size_t count)')
const write = libc.func('long write(int fd, void *bytes, size_t count)')

const TCGETS = 0x5401
const TCSETS = 0x5402
const TIOCGWINSZ = 0x5413
const TIOCSWINSZ = 0x5414

/** struct termios of the kernel: four flag words, the line discipline, 19 control characters. */
export const TERMIOS = { bytes: 36, inputFlags: 0 } as const
/** Flag: backspace on a line being typed removes a whole character of UTF-8. */
export const IUTF8 = 0x4000
/** struct winsize { unsigned short row, col, xpixel, ypixel } */
const WINSIZE = { bytes: 8, rows: 0, cols: 2 } as const

export interface WindowSize {
  readonly cols: number
  readonly rows: number
}

/** Both ends, close-on-exec; the caller closes them. */
export interface Pty {
  /** Descriptor of our end; reads and writes never wait. */
  readonly master: number
  /** Descriptor of the other end, no process's controlling terminal. While it is open the master stays readable. */
  readonly slave: number
  /** Path that the child opens to make it its controlling terminal: "/dev/pts/3". */
  readonly path: string
}

/** Throws an Error whose `code` is the errno's name: ENOSPC where the system has no more pairs. */
export function openPty(size: WindowSize): Pty {
  const flags = files.O_RDWR | files.O_NOCTTY | files.O_NONBLOCK | O_CLOEXEC
  const master = checked('posix_openpt', posixOpenpt(flags))
  try {
    checked('grantpt', grantpt(master))
    checked('unlockpt', unlockpt(master))
    setWindowSize(master, size)
    const path = slaveName(master)
    const slave = openSync(path, files.O_RDWR | files.O_NOCTTY)
    takeUtf8(slave)
    return { master, slave, path }
  } catch (error) {
    closeSync(master)
    throw error
  }
}

function slaveName(master: number): string {
  const name = Buffer.alloc(NAME_BYTES)
  const errno: number = ptsnameR(master, name, name.byteLength)
  if (errno !== 0) throw systemError('ptsname_r', errno)
  return name.toString('latin1', 0, name.indexOf(0))
}

function takeUtf8(slave: number): void {
  const termios = Buffer.alloc(TERMIOS.bytes)
  checked('ioctl', ioctl(slave, TCGETS, termios))
  termios.writeUInt32LE(termios.readUInt32LE(TERMIOS.inputFlags) | IUTF8, TERMIOS.inputFlags)
  checked('ioctl', ioctl(slave, TCSETS, termios))
}

/** Sets the size. The kernel sends SIGWINCH to the foreground programs if it has changed. */
export function setWindowSize(master: number, { cols, rows }: WindowSize): void {
  const size = Buffer.alloc(WINSIZE.bytes)
  size.writeUInt16LE(rows, WINSIZE.rows)
  size.writeUInt16LE(cols, WINSIZE.cols)
  checked('ioctl', ioctl(master, TIOCSWINSZ, size))
}

export function windowSize(fd: number): WindowSize {
  const size = Buffer.alloc(WINSIZE.bytes)
  checked('ioctl', ioctl(fd, TIOCGWINSZ, size))
  return { cols: size.readUInt16LE(WINSIZE.cols), rows: size.readUInt16LE(WINSIZE.rows) }
}

/** `later`: no byte can be moved now. `over`: no process has the other end open, and everything has been read. */
export type Moved = number | 'later' | 'over'

/** Reads into memory at `address`, which the caller keeps alive; `writeMaster` writes from such memory. */
export function readMaster(master: number, address: bigint, count: number): Moved {
  return moved('read', Number(read(master, address, count)))
}

export function writeMaster(master: number, address: bigint, count: number): Moved {
  return moved('write', Number(write(master, address, count)))
}

function moved(call: string, result: number): Moved {
  if (result > 0) return result
  if (result === 0) return 'later'
  const errno = lastErrno()
  if (errno === constants.errno.EAGAIN || errno === constants.errno.EINTR) return 'later'
  // Linux answers EIO, and only once its buffer is empty.
  if (errno === constants.errno.EIO) return 'over'
  throw systemError(call, errno)
}
