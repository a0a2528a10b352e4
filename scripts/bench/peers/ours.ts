// The daemon itself over REST, /ws and raw bytes.

import { once } from 'node:events'
import { download } from '../download.ts'
import { timed } from '../figure.ts'
import { openSubject, TOKEN, type Subject } from '../subject.ts'
import { expect, type Peer } from './peer.ts'

export const ours: Peer = {
  name: 'workspace-runtime',
  async open({ tree, file, named, large }) {
    const began = performance.now()
    const subject = await openSubject()
    const startMs = performance.now() - began
    const { port } = subject
    const at = encodeURIComponent(tree.path)
    const one = encodeURIComponent(file)
    const get = async (path: string, ending: string): Promise<number> => (await download({ port, path, ending })).ms
    return {
      startMs,
      acts: {
        exec: () => timed(() => subject.call('POST', '/exec', { cmd: ['/bin/true'], ttl_seconds: 1 })),
        stat: () => timed(() => subject.call('GET', `/files/stat?path=${one}`)),
        read: () => timed(() => subject.call('GET', `/files/read?path=${one}`)),
        list: () => get(`/files/stream?path=${at}&light=true&use_gitignore=false`, '"done"'),
        names: () => get(`/files/search/files?path=${at}&q=file9999`, `"total_files":${named}`),
        search: () => get(`/files/search?path=${at}&q=rare_needle`, '"total_files":20'),
        terminal: () => terminal(subject),
        watch: () => watch(subject, tree.path),
        raw: () => get(`/files/raw?path=${encodeURIComponent(large)}`, ''),
      },
      [Symbol.asyncDispose]: () => subject[Symbol.asyncDispose](),
    }
  },
}

async function watch(subject: Subject, path: string): Promise<number> {
  const began = performance.now()
  const { id } = JSON.parse(await subject.call('POST', '/watchers', { path })) as { id: string } // the daemon's own
  const ms = performance.now() - began
  await subject.call('DELETE', `/watchers/${id}`)
  return ms
}

async function terminal(subject: Subject): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${subject.port}/ws?token=${TOKEN}`)
  socket.binaryType = 'arraybuffer'
  await once(socket, 'open')
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.addEventListener('message', ({ data }) => {
    if (data instanceof ArrayBuffer && Buffer.from(data).includes('ready')) resolve()
  })
  const began = performance.now()
  const answer = await subject.call('POST', '/terminals', { cmd: ['sh', '-c', 'echo ready; exec cat'] })
  await promise
  const ms = performance.now() - began
  const { id } = JSON.parse(answer) as { id: string } // the daemon's own
  expect(id !== '', 'there is no terminal')
  await subject.call('DELETE', `/terminals/${id}`)
  socket.close()
  return ms
}
