// The kernel's table of sockets, from lines as it writes them (proc(5)).

import t from 'tap'
import { type SocketHolder, merged } from '../../../src/workspace/ports/ports.ts'
import { parseSocketLine, type ListeningSocket } from '../../../src/workspace/ports/socket-table.ts'

const line = (local: string, state = '0A') =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000000000000000 100 0 0 10 0`

t.test('addresses', async (t) => {
  const table: [string, string, ListeningSocket['family'], boolean][] = [
    ['0100007F:2706', '127.0.0.1', 'ipv4', true],
    ['3500007F:2706', '127.0.0.53', 'ipv4', true],
    ['00000000:2706', '0.0.0.0', 'ipv4', false],
    ['0501A8C0:2706', '192.168.1.5', 'ipv4', false],
    ['00000000000000000000000000000000:2706', '::', 'ipv6', false],
    ['00000000000000000000000001000000:2706', '::1', 'ipv6', true],
    ['0000000000000000FFFF00000100007F:2706', '::ffff:127.0.0.1', 'ipv6', true],
    ['0000000000000000FFFF00000501A8C0:2706', '::ffff:192.168.1.5', 'ipv6', false],
    ['B80D0120000000000000000001000000:2706', '2001:db8::1', 'ipv6', false],
    ['B80D0120000001000000000001000000:2706', '2001:db8:1::1', 'ipv6', false],
    ['B80D0120000001000200030004000500:2706', '2001:db8:1:0:3:2:5:4', 'ipv6', false],
  ]
  for (const [local, address, family, loopback] of table) {
    const wanted = { port: 9990, address, family, loopback, uid: 1000, inode: '4711' }
    t.strictSame(parseSocketLine(line(local)), wanted, address)
  }
})

t.test('what does not listen, and what is no such line', async (t) => {
  const others = [line('0100007F:2706', '01'), line('0100007F:2706', '06'), line('0100007F'), line('zz00007F:2706'), '', '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'] // prettier-ignore
  for (const other of others) t.equal(parseSocketLine(other), undefined, other)
})

t.test('one entry for an address, in order', async (t) => {
  const socket = (port: number, address: string, inode: string): ListeningSocket => {
    return { port, address, family: 'ipv4', loopback: false, uid: 0, inode }
  }
  const holder = (pid: number): SocketHolder => ({ pid, process: `p${pid}`, command: '' })
  const sockets = [
    socket(90, '0.0.0.0', 'a'),
    socket(80, '127.0.0.1', 'b'),
    socket(80, '0.0.0.0', 'c'),
    socket(80, '0.0.0.0', 'd'),
    socket(80, '0.0.0.0', 'e'),
  ]
  const holders = new Map([['b', holder(process.pid)], ['c', holder(7)], ['d', holder(5)]]) // prettier-ignore
  t.strictSame(
    merged(sockets, holders).map(({ port, address, pid, own }) => [port, address, pid, own]),
    [
      [80, '0.0.0.0', 5, undefined],
      [80, '127.0.0.1', process.pid, true],
      [90, '0.0.0.0', undefined, undefined],
    ],
  )
})
