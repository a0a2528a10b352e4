// The operation port_list: the TCP ports with a listening socket, which /proxy can reach.

import { operation } from '../operation.ts'
import { choice, optional, Type } from '../schema.ts'
import { listeningPorts } from '../workspace/ports/ports.ts'

const port = Type.Object({
  port: Type.Integer({ minimum: 0, maximum: 65535 }),
  address: Type.String({ description: 'What it is bound to: 0.0.0.0 and :: are every address.' }),
  family: choice('An ipv6 socket at :: usually takes IPv4 connections too.', ['ipv4', 'ipv6'], 'ipv4'),
  loopback: Type.Boolean({ description: 'true: only this machine reaches it.' }),
  uid: Type.Integer({ description: 'The user who opened it.' }),
  pid: optional(Type.Integer({ description: 'The process that holds it; absent where the daemon may not look.' })),
  process: optional(Type.String({ description: 'Its name.' })),
  command: optional(Type.String({ description: 'Its command line, at most 500 characters.' })),
  own: optional(Type.Boolean({ description: 'true: it is the daemon itself.' })),
})

export const portList = operation({
  name: 'port_list',
  title: 'List listening ports',
  summary: 'Lists the TCP ports that something listens on, with the process that holds each.',
  scope: 'proxy',
  area: 'Ports and previews',
  input: Type.Object({}),
  output: Type.Object({
    ports: Type.Array(port, { description: 'By port, then address.' }),
    count: Type.Integer({ minimum: 0 }),
  }),
  routes: [{ method: 'GET', path: '/ports' }],
  example: {},
  async run(_, call) {
    const ports = await listeningPorts(call.signal)
    return { ports, count: ports.length }
  },
})
