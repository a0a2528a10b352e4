// What every operation must answer, as literals written from docs/protocol.md. `<dir>` is the
// test's folder; the other marks stand for what differs from run to run (doors.ts).

import type { Ask } from './doors.ts'

export interface Case extends Ask {
  readonly name: string
  /** The operation it belongs to; the suite checks that each tool has one that succeeds and one that fails. */
  readonly op: string
  /** Status over REST. */
  readonly status: number
  /** The whole body of a success, or the code, sentence and details of a refusal. */
  readonly expect: Readonly<Record<string, unknown>>
  /** REST and MCP answer alike except where docs/protocol.md says otherwise; then this one is for MCP. */
  readonly expectTool?: Readonly<Record<string, unknown>>
  /** JSON-RPC code of a bare refusal; -32603 unless given. */
  readonly rpc?: number
}

const file = (name: string, size: number) => ({ name, path: `<dir>/${name}`, type: 'file', size, modified: '<time>' })
const query = (path: string, fields: object): string => {
  const entries = Object.entries(fields).map(([key, value]) => [key, String(value)])
  return `${path}?${new URLSearchParams(entries as [string, string][]).toString()}`
}
/** A GET with its fields in the query and the tool with the same ones as arguments. */
const get = (path: string, tool: string, fields: object) => ({
  method: 'GET',
  path: query(path, fields),
  tool,
  args: fields,
  op: tool,
})
/** A POST with its fields as JSON and the tool with the same ones as arguments. */
const post = (path: string, tool: string, fields: object) => ({
  method: 'POST',
  path,
  body: fields,
  tool,
  args: fields,
  op: tool,
})

const missing = (path: string) => ({
  code: 'not_found',
  error: `path "${path}" does not exist`,
  details: { path, errno: 'ENOENT' },
})
const unknownTask = {
  code: 'not_found',
  error:
    'task "999" is unknown: it was never started, was deleted, or finished longer ago than its ttl_seconds; exec_list shows the tasks there are',
  details: { id: '<id>' },
}
const finished = {
  id: '<id>',
  status: 'exited',
  guest_pid: '<pid>',
  created_at: '<time>',
  started_at: '<time>',
  ttl_seconds: 300,
  exited_at: '<time>',
  cpu_user_ms: '<ms>',
  cpu_system_ms: '<ms>',
}

/** The folder every case starts from; see `layOut` in suite.test.ts. */
export const CASES: readonly Case[] = [
  {
    name: 'a directory',
    ...get('/files', 'file_list', { path: '<dir>/src' }),
    status: 200,
    expect: { path: '<dir>/src', entries: [{ ...file('src/a.js', 24), name: 'a.js' }], count: 1 },
  },
  {
    name: 'a tree, names only',
    ...get('/files', 'file_list', { path: '<dir>', nested: true, light: true }),
    status: 200,
    expect: {
      path: '<dir>',
      count: 6,
      entries: [
        { name: '.gitignore', path: '<dir>/.gitignore', type: 'file' },
        { name: 'b.txt', path: '<dir>/b.txt', type: 'file' },
        { name: 'empty', path: '<dir>/empty', type: 'directory', children: [] },
        { name: 'link', path: '<dir>/link', type: 'symlink' },
        {
          name: 'src',
          path: '<dir>/src',
          type: 'directory',
          children: [{ name: 'a.js', path: '<dir>/src/a.js', type: 'file' }],
        },
      ],
    },
  },
  {
    name: 'a flat list with everything asked for',
    ...get('/files', 'file_list', {
      path: '<dir>',
      nested: true,
      flatten: true,
      include_hash: true,
      include_content: true,
      include_extensions: true,
      include_ext: 'js',
    }),
    status: 200,
    expect: {
      path: '<dir>',
      count: 1,
      entries: [
        {
          ...file('src/a.js', 24),
          name: 'a.js',
          extension: '.js',
          content: 'const a = 1\nfind me\nend\n',
          hash: 'f855460684c0696ad20283f6766d79dc3e77835eb47a23576172204b90be34bc',
        },
      ],
    },
  },
  {
    name: 'no such directory',
    ...get('/files', 'file_list', { path: '<dir>/no' }),
    status: 404,
    expect: missing('<dir>/no'),
  },
  {
    name: 'a file where a directory is needed',
    ...get('/files', 'file_list', { path: '<dir>/b.txt' }),
    status: 400,
    rpc: -32602,
    expect: {
      code: 'bad_request',
      error: 'path "<dir>/b.txt" is not a directory; accepted is an existing directory',
      details: { path: '<dir>/b.txt' },
    },
  },
  {
    name: 'a number out of range',
    ...get('/files', 'file_list', { path: '<dir>', max_depth: 0 }),
    status: 400,
    rpc: -32602,
    expect: {
      code: 'bad_request',
      error: 'max_depth is 0; accepted is an integer from 1 to 1000',
      details: { field: 'max_depth', got: 0 },
    },
  },
  {
    name: 'a file',
    ...get('/files/read', 'file_read', { path: '<dir>/src/a.js' }),
    status: 200,
    expect: { path: '<dir>/src/a.js', content: 'const a = 1\nfind me\nend\n', size: 24, lines: 3, extension: '.js' },
  },
  {
    name: 'a range with numbers',
    ...get('/files/read', 'file_read', { path: '<dir>/src/a.js', start_line: 2, end_line: 9, with_line_numbers: true }),
    status: 200,
    expect: {
      path: '<dir>/src/a.js',
      content: '2\tfind me\n3\tend\n',
      size: 24,
      lines: 2,
      extension: '.js',
      start_line: 2,
      end_line: 3,
    },
  },
  {
    name: 'no such file',
    ...get('/files/read', 'file_read', { path: '<dir>/nothing' }),
    status: 404,
    expect: missing('<dir>/nothing'),
  },
  {
    name: 'a relative path is below the working directory; the answer names the absolute one',
    ...get('/files/read', 'file_read', { path: './tree//src/../b.txt' }),
    status: 200,
    expect: { path: '<dir>/b.txt', content: 'find you\n', size: 9, lines: 1, extension: '.txt' },
  },
  {
    name: 'a new file',
    ...post('/files/write', 'file_write', { path: '<dir>/new.txt', content: 'hé' }),
    status: 201,
    expect: { path: '<dir>/new.txt', size: 3 },
  },
  {
    name: 'a new file in a new folder: REST asks for the folder, MCP makes it',
    ...post('/files/write', 'file_write', { path: '<dir>/x/new.txt', content: 'hé' }),
    status: 404,
    expect: {
      code: 'not_found',
      error: 'path "<dir>/x/new.txt" has no parent directory "<dir>/x"; create_dirs makes it',
      details: { field: 'path', got: '<dir>/x/new.txt', parent: '<dir>/x' },
    },
    expectTool: { path: '<dir>/x/new.txt', size: 3 },
  },
  {
    name: 'without content',
    ...post('/files/write', 'file_write', { path: '<dir>/new.txt' }),
    status: 400,
    rpc: -32602,
    expect: { code: 'bad_request', error: 'content is missing; accepted is a string', details: { field: 'content' } },
  },
  {
    name: 'a folder and its parents',
    ...post('/files/mkdir', 'file_mkdir', { path: '<dir>/a/b/c' }),
    status: 201,
    expect: { path: '<dir>/a/b/c' },
  },
  {
    name: 'over a file',
    ...post('/files/mkdir', 'file_mkdir', { path: '<dir>/b.txt' }),
    status: 409,
    expect: {
      code: 'conflict',
      error: 'path "<dir>/b.txt" exists already and is not a directory',
      details: { path: '<dir>/b.txt' },
    },
  },
  {
    name: 'a file',
    ...get('/files/stat', 'file_stat', { path: '<dir>/src/a.js' }),
    status: 200,
    expect: {
      ...file('src/a.js', 24),
      name: 'a.js',
      permissions: '0644',
      is_code: true,
      uid: process.getuid?.(),
      gid: process.getgid?.(),
      extension: '.js',
    },
  },
  {
    name: 'a link',
    ...get('/files/stat', 'file_stat', { path: '<dir>/link' }),
    status: 200,
    expect: {
      ...file('link', 0),
      type: 'symlink',
      permissions: '0777',
      is_code: false,
      uid: process.getuid?.(),
      gid: process.getgid?.(),
      symlink_target: 'b.txt',
    },
  },
  {
    name: 'nothing',
    ...get('/files/stat', 'file_stat', { path: '<dir>/no' }),
    status: 404,
    expect: missing('<dir>/no'),
  },
  {
    name: 'a tree',
    ...post('/files/delete', 'file_delete', { path: '<dir>/src' }),
    status: 200,
    expect: { path: '<dir>/src' },
  },
  {
    name: 'by DELETE and query',
    ...post('/files/delete', 'file_delete', { path: '<dir>/b.txt' }),
    method: 'DELETE',
    path: '/files/delete?path=<dir>/b.txt',
    status: 200,
    expect: { path: '<dir>/b.txt' },
  },
  {
    name: 'a system directory',
    ...post('/files/delete', 'file_delete', { path: '/usr/../etc/' }),
    status: 403,
    expect: {
      code: 'forbidden',
      error: 'path "/etc" is the system directory "/etc", which is never deleted',
      details: {
        field: 'path',
        got: '/etc',
        protected: ['/', '/bin', '/sbin', '/usr', '/lib', '/lib64', '/etc', '/dev', '/proc', '/sys', '/boot', '/run'],
      },
    },
  },
  {
    name: 'two files',
    ...get('/files/search', 'search_content', { q: 'find', path: '<dir>' }),
    status: 200,
    expect: {
      query: 'find',
      path: '<dir>',
      results: {
        'b.txt': [{ line: 1, text: 'find you', column: 1 }],
        'src/a.js': [{ line: 2, text: 'find me', column: 1 }],
      },
      matches: [
        { path: '<dir>/b.txt', line_number: 1, line: 'find you', column: 1, text: 'find you' },
        { path: '<dir>/src/a.js', line_number: 2, line: 'find me', column: 1, text: 'find me' },
      ],
      total_matches: 2,
      total_files: 2,
      capped: false,
      engine: 'ripgrep',
    },
  },
  {
    name: 'one file, with context',
    ...get('/files/search', 'search_content', { q: 'F.ND', regex: true, context_lines: 1, path: '<dir>/src/a.js' }),
    status: 200,
    expect: {
      query: 'F.ND',
      path: '<dir>/src/a.js',
      results: { 'a.js': [{ line: 2, text: 'find me', column: 1, before: ['const a = 1'], after: ['end'] }] },
      matches: [{ path: '<dir>/src/a.js', line_number: 2, line: 'find me', column: 1, text: 'find me' }],
      total_matches: 1,
      total_files: 1,
      capped: false,
      engine: 'ripgrep',
    },
  },
  {
    name: 'a query that looks like a flag (S-01, M-06)',
    ...get('/files/search', 'search_content', { q: '--pre=<dir>/b.txt', path: '<dir>' }),
    status: 200,
    expect: {
      query: '--pre=<dir>/b.txt',
      path: '<dir>',
      results: {},
      matches: [],
      total_matches: 0,
      total_files: 0,
      capped: false,
      engine: 'ripgrep',
    },
  },
  {
    name: 'without a query',
    ...get('/files/search', 'search_content', { path: '<dir>' }),
    status: 400,
    rpc: -32602,
    expect: {
      code: 'bad_request',
      error: 'q is missing (also taken: query); accepted is a string of 1 to 1000 characters',
      details: { field: 'q' },
    },
  },
  {
    name: '1001 characters',
    ...get('/files/search', 'search_content', { q: 'x'.repeat(1001), path: '<dir>' }),
    status: 400,
    rpc: -32602,
    expect: {
      code: 'bad_request',
      error: 'q is a string of 1001 characters; accepted is a string of 1 to 1000 characters',
      details: { field: 'q', got: 'x'.repeat(200) },
    },
  },
  {
    name: 'by name',
    ...get('/files/search/files', 'search_files', { q: '.J', path: '<dir>' }),
    status: 200,
    expect: { query: '.J', path: '<dir>', files: ['src/a.js'], total_files: 1 },
  },
  {
    name: 'below a file',
    ...get('/files/search/files', 'search_files', { q: 'a', path: '<dir>/b.txt' }),
    status: 400,
    rpc: -32602,
    expect: {
      code: 'bad_request',
      error: 'path "<dir>/b.txt" is not a directory; accepted is an existing directory',
      details: { path: '<dir>/b.txt' },
    },
  },
  {
    name: 'asked for',
    ...get('/files/search/init', 'search_init', {}),
    args: { install: false },
    status: 200,
    expect: { installed: true, path: '<rg>', version: '<ripgrep>', engine: 'ripgrep' },
  },
  {
    name: 'installed',
    ...post('/files/search/init', 'search_init', {}),
    status: 200,
    expect: { installed: true, path: '<rg>', version: '<ripgrep>', engine: 'ripgrep' },
  },
  {
    name: 'output, errors and exit code',
    ...post('/exec', 'exec_run', { command: ['sh', '-c', 'echo out; echo err >&2; exit 3'], cwd: '<dir>' }),
    status: 200,
    expect: {
      ...finished,
      command: ['sh', '-c', 'echo out; echo err >&2; exit 3'],
      exit_code: 3,
      cwd: '<dir>',
      exec_mode: 'auto',
      stdout: 'out\n',
      stderr: 'err\n',
    },
  },
  {
    name: 'as one string, under its other name, with input',
    ...post('/exec', 'exec_run', { cmd: 'tr a-z A-Z | rev', stdin: 'abc', cwd: '<dir>', exec_mode: 'auto' }),
    status: 200,
    expect: {
      ...finished,
      command: ['tr a-z A-Z | rev'],
      exit_code: 0,
      cwd: '<dir>',
      exec_mode: 'auto',
      stdout: 'CBA',
      stderr: '',
    },
  },
  {
    name: 'its end before wait_seconds have passed',
    ...post('/exec', 'exec_run', { command: ['echo', 'out'], cwd: '<dir>', wait_seconds: 30 }),
    status: 200,
    expect: {
      ...finished,
      command: ['echo', 'out'],
      exit_code: 0,
      cwd: '<dir>',
      exec_mode: 'auto',
      stdout: 'out\n',
      stderr: '',
    },
  },
  {
    name: 'wait_seconds that pass: the task runs on, and the next call is named',
    ...post('/exec', 'exec_run', { command: ['sleep', '60'], cwd: '<dir>', wait_seconds: 0.01 }),
    status: 200,
    expect: {
      id: '<id>',
      command: ['sleep', '60'],
      status: 'running',
      guest_pid: '<pid>',
      exit_code: -1,
      created_at: '<time>',
      started_at: '<time>',
      ttl_seconds: 300,
      cwd: '<dir>',
      exec_mode: 'auto',
      stdout: '',
      stderr: '',
      next: { tool: 'exec_get', arguments: { id: '<id>', wait_seconds: 45 }, path: '/exec/<id>?wait_seconds=45' },
    },
  },
  {
    name: 'the beginning and the end of its output',
    ...post('/exec', 'exec_run', { command: ['seq', '1000'], cwd: '<dir>', output_bytes: 256 }),
    status: 200,
    expect: {
      ...finished,
      command: ['seq', '1000'],
      exit_code: 0,
      cwd: '<dir>',
      exec_mode: 'auto',
      stdout: Array.from({ length: 46 }, (_, i) => i + 1).join('\n'),
      stdout_tail: `${Array.from({ length: 45 }, (_, i) => i + 956).join('\n')}\n`.slice(-128),
      stdout_tail_offset: 3893 - 128,
      stdout_truncated: true,
      stdout_bytes: 3893,
      stderr: '',
    },
  },
  {
    name: 'no command',
    ...post('/exec', 'exec_run', {}),
    status: 400,
    rpc: -32602,
    expect: {
      code: 'bad_request',
      error: 'command is missing (also taken: cmd); accepted is a command as an array of strings, or as one string',
      details: { field: 'command' },
    },
  },
  {
    name: 'a working directory that is not there',
    ...post('/exec', 'exec_run', { command: ['true'], cwd: '<dir>/no' }),
    status: 400,
    expect: {
      code: 'bad_cwd',
      error: 'working directory "<dir>/no" does not exist',
      details: { cwd: '<dir>/no', errno: 'ENOENT' },
    },
  },
  { name: 'no tasks', ...get('/exec', 'exec_list', {}), status: 200, expect: { tasks: [] } },
  {
    name: 'an unknown task',
    ...get('/exec/999', 'exec_get', {}),
    args: { id: '999' },
    status: 404,
    expect: unknownTask,
  },
  {
    name: 'a wait that is too long',
    ...get('/exec/999', 'exec_get', { wait_seconds: 51 }),
    args: { id: '999', wait_seconds: 51 },
    status: 400,
    rpc: -32602,
    expect: {
      code: 'bad_request',
      error: 'wait_seconds is 51; accepted is a number from 0 to 50',
      details: { field: 'wait_seconds', got: 51 },
    },
  },
  {
    name: 'an unknown task',
    method: 'POST',
    path: '/exec/999/input',
    body: 'x',
    tool: 'exec_input',
    op: 'exec_input',
    args: { id: 999, input: 'x' },
    status: 404,
    expect: unknownTask,
  },
  {
    name: 'an unknown task',
    ...get('/exec/999', 'exec_delete', {}),
    method: 'DELETE',
    args: { id: '999' },
    status: 404,
    expect: unknownTask,
  },
  {
    name: 'nothing to delete',
    ...get('/exec', 'exec_delete_all', {}),
    method: 'DELETE',
    status: 200,
    expect: { deleted: 0 },
  },
]
