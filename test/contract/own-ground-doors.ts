// Every door that takes a path, as a credential with one scope goes through it: what it answers for a path that is
// the daemon's own, and for a directory above one.

import { execFileSync } from 'node:child_process'
import { basename, dirname, join } from 'node:path'
import { HS256, jwtOf } from '../support/jwt.ts'
import type { Daemon } from '../support/daemon.ts'
import { archive, member } from '../support/tar-writer.ts'

export interface Answer {
  /** Of MCP: 403 where the error's code is `forbidden`. */
  readonly status: number
  readonly text: string
}

/** A path that is ours, and a directory above it that is not. */
export interface Place {
  readonly name: string
  readonly path: string
  readonly above: string
}

/** What a door is asked with; `free` is a file of the workspace. */
export interface Ask {
  readonly path: string
  readonly free: string
}

export interface DoorOf {
  readonly name: string
  readonly scope: string
  readonly go: (caller: Caller, ask: Ask) => Promise<Answer>
}

export interface Caller {
  rest(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>
  mcp(method: string, params: object): Promise<Answer>
}

export function callerOf(daemon: Daemon, scope: string | undefined): Caller {
  const token = jwtOf({ sub: `of ${scope}`, exp: Math.floor(Date.now() / 1000) + 600, ...(scope && { scope }) })
  const authorization = `Bearer ${token}`
  const rest: Caller['rest'] = async (method, path, body, headers) => {
    const raw = body === undefined || typeof body === 'string' || body instanceof Uint8Array
    const response = await fetch(daemon.url + path, {
      method,
      headers: { authorization, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: raw ? (body as string) : JSON.stringify(body) }),
    })
    const bytes = Buffer.from(await response.arrayBuffer())
    return { status: response.status, text: textOf(bytes) }
  }
  return {
    rest,
    async mcp(method, params) {
      const { status, text } = await rest('POST', '/mcp', { jsonrpc: '2.0', id: 1, method, params })
      const forbidden = /"code":"forbidden"/.test(text)
      return { status: forbidden ? 403 : /"error":|"isError":true/.test(text) ? 400 : status, text }
    },
  }
}

/** An archive is looked into, so that what is in it shows. */
function textOf(bytes: Buffer): string {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.toString('latin1')
  return execFileSync('gzip', ['-dc'], { input: bytes, maxBuffer: 64 * 1024 * 1024 }).toString('latin1')
}

export { HS256 }

const q = encodeURIComponent
const get = (route: string, more = '') => ({
  go: async (caller: Caller, { path }: Ask) => await caller.rest('GET', `${route}?path=${q(path)}${more}`),
})
const tool = (name: string, args: (ask: Ask) => object) => ({
  go: async (caller: Caller, ask: Ask) => await caller.mcp('tools/call', { name, arguments: args(ask) }),
})
const post = (route: string, body: (ask: Ask) => object) => ({
  go: async (caller: Caller, ask: Ask) => await caller.rest('POST', route, body(ask)),
})

/** Doors that name what they read. */
export const READING: readonly DoorOf[] = [
  { name: 'GET /files/read', scope: 'files:read', ...get('/files/read') },
  { name: 'GET /files/read?encoding=auto', scope: 'files:read', ...get('/files/read', '&encoding=auto') },
  { name: 'GET /files/read?hash', scope: 'files:read', ...get('/files/read', '&hash=true&start_line=1&end_line=1') },
  { name: 'GET /files/raw', scope: 'files:read', ...get('/files/raw') },
  {
    name: 'HEAD /files/raw',
    scope: 'files:read',
    go: async (caller, { path }) => await caller.rest('HEAD', `/files/raw?path=${q(path)}`),
  },
  { name: 'GET /files', scope: 'files:read', ...get('/files') },
  { name: 'GET /files?include_content', scope: 'files:read', ...get('/files', '&include_content=true') },
  { name: 'GET /files/stream', scope: 'files:read', ...get('/files/stream') },
  { name: 'GET /files/stat', scope: 'files:read', ...get('/files/stat') },
  { name: 'GET /files/search', scope: 'search', ...get('/files/search', '&q=.&regex=true') },
  { name: 'GET /files/search/files', scope: 'search', ...get('/files/search/files', '&q=e') },
  {
    name: 'POST /files/transfer/download',
    scope: 'files:read',
    ...post('/files/transfer/download', ({ path }) => ({ paths: [path] })),
  },
  { name: 'POST /watchers', scope: 'watch', ...post('/watchers', ({ path }) => ({ path })) },
  {
    name: 'POST /exec cwd',
    scope: 'exec',
    ...post('/exec', ({ path }) => ({ command: ['cat', '/dev/null'], cwd: path })),
  },
  { name: 'POST /terminals cwd', scope: 'terminal', ...post('/terminals', ({ path }) => ({ cwd: path })) },
  { name: 'file_read', scope: 'files:read', ...tool('file_read', ({ path }) => ({ path })) },
  { name: 'file_list', scope: 'files:read', ...tool('file_list', ({ path }) => ({ path })) },
  { name: 'file_stat', scope: 'files:read', ...tool('file_stat', ({ path }) => ({ path })) },
  {
    name: 'search_content',
    scope: 'search',
    ...tool('search_content', ({ path }) => ({ path, q: '.', regex: true })),
  },
  { name: 'search_files', scope: 'search', ...tool('search_files', ({ path }) => ({ path, q: 'e' })) },
  { name: 'watcher_create', scope: 'watch', ...tool('watcher_create', ({ path }) => ({ path })) },
  {
    name: 'resources/read',
    scope: 'files:read',
    go: async (caller, { path }) => await caller.mcp('resources/read', { uri: `file://${path}` }),
  },
]

/** Doors that are asked for a directory above, and leave out what is ours. */
export const WALKING: readonly DoorOf[] = [
  { name: 'GET /files', scope: 'files:read', ...get('/files', '&use_gitignore=false') },
  {
    name: 'GET /files?nested&include_content&include_hash',
    scope: 'files:read',
    ...get('/files', '&nested=true&include_content=true&include_hash=true&use_gitignore=false'),
  },
  { name: 'GET /files/stream', scope: 'files:read', ...get('/files/stream', '&include_content=true') },
  {
    name: 'GET /files/search',
    scope: 'search',
    ...get('/files/search', '&q=.&regex=true&include_hidden=true&no_gitignore=true'),
  },
  {
    name: 'GET /files/search/files',
    scope: 'search',
    ...get('/files/search/files', '&q=e&include_hidden=true&no_gitignore=true'),
  },
  {
    name: 'POST /files/transfer/download',
    scope: 'files:read',
    ...post('/files/transfer/download', ({ path }) => ({ paths: [path] })),
  },
  { name: 'file_list', scope: 'files:read', ...tool('file_list', ({ path }) => ({ path, nested: true })) },
  {
    name: 'completion/complete',
    scope: 'files:read',
    go: async (caller, { path }) =>
      await caller.mcp('completion/complete', {
        ref: { type: 'ref/resource', uri: 'file:///{path}' },
        argument: { name: 'path', value: `${path}/` },
      }),
  },
]

const put = (more = '') => ({
  go: async (caller: Caller, { path }: Ask) =>
    await caller.rest('PUT', `/files/raw?path=${q(path)}${more}`, Buffer.from('changed'), {
      'content-type': 'application/octet-stream',
    }),
})
const upload = async (caller: Caller, dest: string, format: string, body: Uint8Array): Promise<Answer> =>
  await caller.rest('POST', `/files/transfer/upload?dest=${q(dest)}&format=${format}`, body, {
    'content-type': 'application/octet-stream',
  })

/** Doors that write, and what they would do to a path. */
export const WRITING: readonly DoorOf[] = [
  { name: 'PUT /files/raw', scope: 'files:write', ...put() },
  {
    name: 'PUT /files/raw with If-None-Match',
    scope: 'files:write',
    go: async (caller, { path }) =>
      await caller.rest('PUT', `/files/raw?path=${q(path)}`, Buffer.from('changed'), { 'if-none-match': '*' }),
  },
  {
    name: 'POST /files/write',
    scope: 'files:write',
    ...post('/files/write', ({ path }) => ({ path, content: 'changed' })),
  },
  {
    name: 'POST /files/write append',
    scope: 'files:write',
    ...post('/files/write', ({ path }) => ({ path, content: 'changed', append: true })),
  },
  {
    name: 'POST /files/write expected_hash',
    scope: 'files:write',
    ...post('/files/write', ({ path }) => ({ path, content: 'changed', expected_hash: 'none' })),
  },
  {
    name: 'POST /files/mkdir',
    scope: 'files:write',
    ...post('/files/mkdir', ({ path }) => ({ path, mode: '0777' })),
  },
  {
    name: 'POST /files/move from',
    scope: 'files:write',
    ...post('/files/move', ({ path, free }) => ({ path, to: `${free}.moved`, overwrite: true })),
  },
  {
    name: 'POST /files/move to',
    scope: 'files:write',
    ...post('/files/move', ({ path, free }) => ({ path: free, to: path, overwrite: true })),
  },
  {
    name: 'POST /files/copy from',
    scope: 'files:write',
    ...post('/files/copy', ({ path, free }) => ({ path, to: `${free}.copied`, overwrite: true })),
  },
  {
    name: 'POST /files/copy to',
    scope: 'files:write',
    ...post('/files/copy', ({ path, free }) => ({ path: free, to: path, overwrite: true })),
  },
  { name: 'POST /files/chmod', scope: 'files:write', ...post('/files/chmod', ({ path }) => ({ path, mode: '0777' })) },
  {
    name: 'DELETE /files/delete',
    scope: 'files:write',
    go: async (caller, { path }) => await caller.rest('DELETE', `/files/delete?path=${q(path)}`),
  },
  {
    name: 'POST /files/transfer/upload raw',
    scope: 'files:write',
    go: async (caller, { path }) => await upload(caller, path, 'raw', Buffer.from('changed')),
  },
  {
    name: 'POST /files/transfer/upload tar',
    scope: 'files:write',
    go: async (caller, { path }) => {
      const bytes = archive(member({ name: basename(path), content: 'changed' }))
      return await upload(caller, dirname(path), 'tar', bytes)
    },
  },
  {
    name: 'POST /files/transfer/upload tar from above',
    scope: 'files:write',
    go: async (caller, { path }) => {
      const name = join(basename(dirname(path)), basename(path))
      return await upload(caller, dirname(dirname(path)), 'tar', archive(member({ name, content: 'changed' })))
    },
  },
  { name: 'file_write', scope: 'files:write', ...tool('file_write', ({ path }) => ({ path, content: 'changed' })) },
  { name: 'file_mkdir', scope: 'files:write', ...tool('file_mkdir', ({ path }) => ({ path })) },
  { name: 'file_delete', scope: 'files:write', ...tool('file_delete', ({ path }) => ({ path })) },
]
