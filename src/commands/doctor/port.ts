// Whether the port can be had: free, or held by the daemon that this configuration means.

import { createServer } from 'node:net'
import { errnoOf } from '../../base/fault.ts'
import { askDaemon, urlOf, type Address } from '../local-daemon.ts'
import { fail, ok, warn, type Check, type Finding } from './finding.ts'

export function portCheck(address: Address, token: () => Promise<string | undefined>): Check {
  return { what: 'port', look: () => portFinding(address, token) }
}

async function portFinding(address: Address, token: () => Promise<string | undefined>): Promise<Finding> {
  if (address.port === 0) return ok('port', 'any free one')
  const answer = await askDaemon(address, token)
  const url = urlOf(address)
  const todo = 'choose another with --port, or end what holds it (ss -ltnp)'
  if (answer.kind === 'ours') return ok('port', `${url} is served by this daemon (process ${answer.detail.pid})`)
  if (answer.kind === 'other') return fail('port', `${url} is served by another program`, todo)
  if (answer.kind === 'stranger') {
    return warn('port', `${url} is served by a workspace runtime that does not know this token`, todo)
  }
  const refused = await unbindable(address)
  if (refused === undefined) return ok('port', `${url} is free`)
  const what: Readonly<Record<string, string>> = {
    EADDRINUSE: 'is held by a program that does not answer',
    EACCES: 'may not be used by this user',
    EADDRNOTAVAIL: 'is no address of this machine',
  }
  const why = what[refused] ?? `cannot be listened on: ${refused}`
  return fail('port', `${url} ${why}`, refused === 'EADDRNOTAVAIL' ? 'change --host' : todo)
}

async function unbindable({ host, port }: Address): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const server = createServer()
  server.once('error', (error) => resolve(errnoOf(error) ?? error.message))
  server.listen(port, host, () => server.close(() => resolve(undefined)))
  return await promise
}
