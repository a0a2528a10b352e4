// `parseSocketLine(line)` reads a line of the kernel's tables of TCP sockets (/proc/net/tcp and tcp6, proc(5)).
// Addresses are words of 32 bits in the byte order of the machine, which is little-endian on x64 and arm64. Pure.

export interface ListeningSocket {
  readonly port: number
  /** Address as it is usually written: 127.0.0.1, ::1. */
  readonly address: string
  readonly family: 'ipv4' | 'ipv6'
  /** True if only this machine reaches it. */
  readonly loopback: boolean
  /** User who made the socket. */
  readonly uid: number
  /** Inode number, by which /proc/<pid>/fd names it. */
  readonly inode: string
}

/** TCP_LISTEN of the kernel. */
const LISTEN = '0A'

/**
 * Returns the listening socket of one line (`sl: local remote state queues timer retransmits uid timeout inode …`);
 * undefined for any other line.
 */
export function parseSocketLine(line: string): ListeningSocket | undefined {
  const [, local = '', , state, , , , uid = '', , inode = ''] = line.trim().split(/\s+/)
  if (state !== LISTEN) return undefined
  const [, host = '', port = ''] = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(local) ?? []
  if (host === '' || !/^\d+$/.test(uid) || !/^\d+$/.test(inode)) return undefined
  const bytes = hostOrder(host)
  const address = bytes.length === 4 ? bytes.join('.') : writeIpv6(bytes)
  return {
    port: Number.parseInt(port, 16),
    address,
    family: bytes.length === 4 ? 'ipv4' : 'ipv6',
    loopback: /^(::ffff:)?127\.|^::1$/.test(address),
    uid: Number(uid),
    inode,
  }
}

/** Returns the bytes in network order. */
function hostOrder(words: string): number[] {
  return (words.match(/.{8}/g) ?? []).flatMap((word) =>
    (word.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16)).reverse(),
  )
}

/** Returns an IPv6 address as text (RFC 5952): the longest run of two or more zero groups is `::`. */
function writeIpv6(bytes: readonly number[]): string {
  const mapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff
  if (mapped) return `::ffff:${bytes.slice(12).join('.')}`
  const groups = Array.from({ length: 8 }, (_, at) => (bytes[2 * at] ?? 0) * 256 + (bytes[2 * at + 1] ?? 0))
  let [best, length] = [-1, 1]
  for (let at = 0; at < 8; at++) {
    let end = at
    while (groups[end] === 0) end++
    if (end - at > length) [best, length] = [at, end - at]
  }
  const write = (some: readonly number[]) => some.map((group) => group.toString(16)).join(':')
  return best < 0 ? write(groups) : `${write(groups.slice(0, best))}::${write(groups.slice(best + length))}`
}
