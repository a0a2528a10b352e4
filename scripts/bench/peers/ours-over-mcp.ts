// The daemon itself as an MCP client sees it, over streamable HTTP.

import { timed } from '../figure.ts'
import { openSubject } from '../subject.ts'
import { expect, type Peer } from './peer.ts'

/** The part of the daemon's answers that is read here. */
interface Answer {
  readonly result?: { readonly isError?: boolean; readonly content?: readonly { readonly text?: string }[] }
}

export const oursOverMcp: Peer = {
  name: 'workspace-runtime, MCP',
  async open({ tree, file, named }) {
    const subject = await openSubject()
    const tool = (name: string, args: object, sign: string) => () =>
      timed(async () => {
        const params = { name, arguments: args }
        const answer = await subject.call('POST', '/mcp', { jsonrpc: '2.0', id: 1, method: 'tools/call', params })
        const { result } = JSON.parse(answer) as Answer
        const text = result?.content?.[0]?.text ?? answer
        expect(text.includes(sign) && result?.isError !== true, text.slice(0, 200))
      })
    return {
      acts: {
        exec: tool('exec_run', { cmd: ['/bin/true'], ttl_seconds: 1 }, '"exit_code":0'),
        stat: tool('file_stat', { path: file }, '"size"'),
        read: tool('file_read', { path: file }, 'export const'),
        names: tool('search_files', { path: tree.path, query: 'file9999' }, `"total_files":${named}`),
        search: tool('search_content', { path: tree.path, query: 'rare_needle' }, '"total_files":20'),
      },
      [Symbol.asyncDispose]: () => subject[Symbol.asyncDispose](),
    }
  },
}
