// The receiving end of NOTIFY_SOCKET, through libc, because Node has no datagrams on Unix sockets.

import { closeSync, rmSync } from 'node:fs'
import { libc } from '../../src/native/libc.ts'
import { unixAddress } from '../../src/native/socket.ts'
import { until } from './until.ts'

const AF_UNIX = 1
const SOCK_DGRAM_CLOEXEC = 0o2000002
const MSG_DONTWAIT = 0x40
const MOST_BYTES = 4096

const socket = libc.func('int socket(int family, int type, int protocol)')
const bind = libc.func('int bind(int fd, void *address, unsigned int length)')
const recv = libc.func('long recv(int fd, void *bytes, size_t count, int flags)')

export interface NotifySocket extends Disposable {
  readonly name: string
  /** All that has come so far, one assignment each. */
  received(): readonly string[]
  /** Waits for an assignment that begins so, after the first `skip` ones. */
  heard(start: string, skip?: number, ms?: number): Promise<string>
}

export function openNotifySocket(name: string): NotifySocket {
  const address = unixAddress(name)
  const fd: number = socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0)
  if (address === undefined || bind(fd, address, address.byteLength) !== 0) throw new Error(`cannot bind ${name}`)
  const lines: string[] = []
  const bytes = Buffer.alloc(MOST_BYTES)
  const received = (): readonly string[] => {
    for (;;) {
      const count = Number(recv(fd, bytes, bytes.byteLength, MSG_DONTWAIT))
      if (count <= 0) return lines
      lines.push(...bytes.toString('utf8', 0, count).split('\n'))
    }
  }
  return {
    name,
    received,
    async heard(start, skip = 0, ms = 15_000) {
      const find = () => received().slice(skip).find((line) => line.startsWith(start)) // prettier-ignore
      await until(`${start} is heard`, () => find() !== undefined, ms)
      return find() ?? ''
    },
    [Symbol.dispose]() {
      closeSync(fd)
      if (name.startsWith('/')) rmSync(name, { force: true })
    },
  }
}
