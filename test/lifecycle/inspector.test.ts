// No inspector: on its port any local user could run code as the daemon, and so could a credential for the proxy.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import t from 'tap'
import { startDaemon, type Daemon } from '../support/daemon.ts'

/** The ports that the process listens on. */
function listeningPorts({ pid }: Daemon): number[] {
  const inodes = new Set<string>()
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]
      if (inode !== undefined) inodes.add(inode)
    } catch {
      // closed meanwhile
    }
  }
  const lines = ['tcp', 'tcp6'].flatMap((table) => readFileSync(`/proc/${pid}/net/${table}`, 'latin1').split('\n'))
  return lines.flatMap((line) => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
    return state === '0A' && inodes.has(inode) ? [Number.parseInt(local.split(':')[1] ?? '', 16)] : []
  })
}

t.test('SIGUSR1 leaves the daemon serving, and it listens on nothing else', async (t) => {
  const daemon = await startDaemon(t)
  daemon.process.kill('SIGUSR1')
  // The signal is handled before the answer to a request that comes after it.
  for (let round = 0; round < 3; round++) t.equal((await daemon.call('GET', '/health')).status, 200)
  t.strictSame([...new Set(listeningPorts(daemon))], [daemon.port])
})

t.test('the inspector that an operator opens is not proxied', async (t) => {
  const daemon = await startDaemon(t, { fromSources: true, env: { NODE_OPTIONS: '--inspect=127.0.0.1:0' } })
  const ports = listeningPorts(daemon).filter((port) => port !== daemon.port)
  t.equal(ports.length, 1)
  const answer = await daemon.call('GET', `/proxy/${ports[0]}/json/version`)
  t.equal(answer.status, 403)
  t.equal(answer.body.code, 'forbidden')
})

t.test('NODE_OPTIONS open no inspector in the executable', { skip: fromSources() }, async (t) => {
  const daemon = await startDaemon(t, { env: { NODE_OPTIONS: '--inspect=127.0.0.1:0' } })
  t.strictSame([...new Set(listeningPorts(daemon))], [daemon.port])
})

function fromSources(): string | false {
  return process.env['RUNTIME_UNDER_TEST'] === undefined ? 'the sources are started by a node that obeys them' : false
}
