// nginx with sendfile, one worker, serving a directory: the usual way to hand out files.

import { writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { download } from '../download.ts'
import { end, programOf, start } from '../processes.ts'
import type { Peer } from './peer.ts'

const READY_MS = 5000

export const nginx: Peer = {
  name: 'nginx',
  async open({ large, scratch }) {
    const path = programOf('nginx')
    if (path === undefined) return undefined
    const port = await freePort()
    const config = join(scratch, 'nginx.conf')
    writeFileSync(config, configOf(port, dirname(large), scratch))
    const began = performance.now()
    const child = start(path, ['-p', scratch, '-e', 'stderr', '-c', config], { stdio: 'ignore' })
    const get = async (): Promise<number> => (await download({ port, path: `/${basename(large)}`, ending: '' })).ms
    while (performance.now() - began < READY_MS && !(await answers(port))) await sleep(5)
    return {
      startMs: performance.now() - began,
      acts: { raw: get },
      [Symbol.asyncDispose]: () => end(child),
    }
  },
}

async function answers(port: number): Promise<boolean> {
  try {
    await fetch(`http://127.0.0.1:${port}/nowhere`)
    return true
  } catch {
    return false
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  const { port } = server.address() as AddressInfo
  await new Promise((closed) => server.close(closed))
  return port
}

function configOf(port: number, root: string, scratch: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const paths = temporary.map((name) => `${name}_temp_path ${scratch}/${name};`).join(' ')
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  return `daemon off; master_process off; ${user} pid ${scratch}/nginx.pid; events {}
http { access_log off; sendfile on; tcp_nopush on; ${paths}
server { listen 127.0.0.1:${port}; root ${root}; } }
`
}
