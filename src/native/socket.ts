// The socket calls that Node lacks: datagrams to a Unix socket, by which a service manager gets notices, and the kind
// of a descriptor that was handed to us. Constants and layouts are Linux's, the same on x64 and arm64.

import { closeSync } from 'node:fs'
import { constants } from 'node:os'
import { checked, errnoName, lastErrno, libc, systemError } from './libc.ts'

const AF_UNIX = 1
const AF_INET = 2
const AF_INET6 = 10
const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000

/** struct sockaddr_un: a 16-bit family, then the path. */
export const SOCKADDR_UN = { bytes: 110, path: 2 } as const

const socket = libc.func('int socket(int family, int type, int protocol)')
const sendto = libc.func('long sendto(int fd, void *bytes, size_t count, int flags, void *to, unsigned int length)')
const getsockopt = libc.func('int getsockopt(int fd, int level, int option, void *value, void *length)')

/** Returns the address of a Unix socket; a leading "@" is the abstract namespace. Undefined: it cannot be one. */
export function unixAddress(name: string): Buffer | undefined {
  const abstract = name.startsWith('@')
  if (!abstract && !name.startsWith('/')) return undefined
  const path = Buffer.from(abstract ? `\0${name.slice(1)}` : name)
  if (path.byteLength < 2 || path.byteLength >= SOCKADDR_UN.bytes - SOCKADDR_UN.path) return undefined
  const family = Buffer.alloc(SOCKADDR_UN.path)
  family.writeUInt16LE(AF_UNIX)
  // A path ends with NUL; an abstract name has the length that the call states.
  return Buffer.concat([family, path, abstract ? Buffer.alloc(0) : Buffer.alloc(1)])
}

/** Sends datagrams to one address. */
export interface DatagramSender extends Disposable {
  /** Sends without waiting. `full`: the receiver takes no more now; otherwise the name of the errno. */
  send(text: string): 'sent' | 'full' | (string & {})
}

export function openDatagramSender(address: Buffer): DatagramSender {
  const fd = checked('socket', socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0))
  return {
    send(text) {
      const bytes = Buffer.from(text)
      const flags = MSG_DONTWAIT | MSG_NOSIGNAL
      if (Number(sendto(fd, bytes, bytes.byteLength, flags, address, address.byteLength)) !== -1) return 'sent'
      const errno = lastErrno()
      return errno === constants.errno.EAGAIN ? 'full' : errnoName(errno)
    },
    [Symbol.dispose]: () => closeSync(fd),
  }
}

/** Sends on a connected socket without waiting, blocking or not. Returns the number of bytes that the kernel took. */
export function sendNow(fd: number, bytes: Uint8Array): number {
  const sent = Number(sendto(fd, bytes, bytes.byteLength, MSG_DONTWAIT | MSG_NOSIGNAL, null, 0))
  if (sent !== -1) return sent
  const errno = lastErrno()
  if (errno === constants.errno.EAGAIN || errno === constants.errno.EINTR) return 0
  throw systemError('sendto', errno)
}

const SOL_SOCKET = 1
const SO_TYPE = 3
const SO_ACCEPTCONN = 30
const SO_DOMAIN = 39

export interface SocketTraits {
  /** True for an internet address, of either version. */
  readonly internet: boolean
  readonly stream: boolean
  readonly listening: boolean
}

/** Returns the kind of socket that a descriptor is; undefined: it is no socket, or not open. */
export function socketTraits(fd: number): SocketTraits | undefined {
  const domain = option(fd, SO_DOMAIN)
  if (domain === undefined) return undefined
  return {
    internet: domain === AF_INET || domain === AF_INET6,
    stream: option(fd, SO_TYPE) === SOCK_STREAM,
    listening: option(fd, SO_ACCEPTCONN) === 1,
  }
}

function option(fd: number, name: number): number | undefined {
  const value = Buffer.alloc(4) // int
  const length = Buffer.alloc(4) // socklen_t
  length.writeUInt32LE(value.byteLength)
  return getsockopt(fd, SOL_SOCKET, name, value, length) === -1 ? undefined : value.readInt32LE()
}
