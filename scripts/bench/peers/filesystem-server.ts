// The reference filesystem server of the Model Context Protocol, over stdio.

import { timed } from '../figure.ts'
import { openStdioServer } from './mcp-stdio.ts'
import { expect, occurrences, type Peer } from './peer.ts'

const PACKAGE = '@modelcontextprotocol/server-filesystem'

export const filesystemServer: Peer = {
  name: PACKAGE,
  packages: [PACKAGE],
  async open({ tree, file, named, installed }) {
    if (installed === undefined) return undefined
    const program = `${installed}/node_modules/${PACKAGE}/dist/index.js`
    const server = await openStdioServer([process.execPath, program, tree.path], {})
    const tool = (name: string, args: object, right: (text: string) => boolean) => () =>
      timed(async () => {
        const text = await server.call(name, args)
        expect(right(text), text.slice(0, 200))
      })
    const files = (text: string): boolean => occurrences(text, '"file"') >= tree.files
    return {
      startMs: server.startMs,
      acts: {
        stat: tool('get_file_info', { path: file }, (text) => text.includes('size')),
        read: tool('read_text_file', { path: file }, (text) => text.includes('export const')),
        list: tool('directory_tree', { path: tree.path }, files),
        names: tool(
          'search_files',
          { path: tree.path, pattern: '**/*file9999*' },
          (text) => occurrences(text, '/file9999') >= named,
        ),
      },
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    }
  },
}
