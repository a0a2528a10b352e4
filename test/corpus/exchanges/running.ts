// What runs and lasts: commands, terminals, watchers; each from its birth to its end.

import type { Scenario, Step } from '../doors.ts'
import { one } from './files.ts'

type Fields = Readonly<Record<string, unknown>>

const REST = { tool: false } as const
const step = (name: string, op: string, http: string, fields: Fields, more: Partial<Step> = {}): Step => ({
  name,
  op,
  http,
  fields,
  ...more,
})

const run = (name: string, fields: Fields, more: Partial<Step> = {}): Scenario =>
  one('exec_run', 'POST /exec', name, fields, more)
const CAT = { command: ['cat'], background: true, cwd: '{dir}' }
const TASK = { id: '{task}' }
const cat = step('started', 'exec_run', 'POST /exec', CAT, { keep: { task: 'id' } })
const forgotten = step('deleted', 'exec_delete', 'DELETE /exec/:id', TASK)

// A table: one exchange a line.
// prettier-ignore
export const EXEC: readonly Scenario[] = [
  run('output, errors and exit code', { command: ['sh', '-c', 'echo out; echo err >&2; exit 3'], cwd: '{dir}' }),
  run('one string, with input and variables', { cmd: 'cat; echo $A', stdin: 'in', env: { A: 'b' }, cwd: '{dir}' }),
  run('both ends of long output', { command: ['seq', '1000'], output_bytes: 256, cwd: '{dir}' }),
  run('ended by its time', { command: ['sleep', '60'], timeout_seconds: 0.05, cwd: '{dir}' }),
  run('killed by a signal', { command: ['sh', '-c', 'kill -9 $$'], cwd: '{dir}' }),
  run('a program that is not there', { command: ['no-such-program'], cwd: '{dir}' }),
  run('a file that is no program', { command: ['{dir}/b.txt'], cwd: '{dir}' }),
  run('a folder that is not there', { command: ['true'], cwd: '{dir}/no' }),
  run('no command', {}),
  run('a command of numbers', { command: [1] }),
  run('variables that are none', { command: ['true'], env: 'A' }),
  run('a stream', { command: ['echo', 'out'], stream: true, cwd: '{dir}' }, REST),
  one('exec_run', 'POST /exec/stream', 'a stream by its route', { command: ['sh', '-c', 'echo err >&2; exit 2'], cwd: '{dir}' }, REST),
  one('exec_run', 'POST /exec/stream', 'a stream without a command', {}, REST),
  {
    name: 'exec',
    steps: [
      step('emptied before', 'exec_delete_all', 'DELETE /exec', {}),
      cat,
      step('listed', 'exec_list', 'GET /exec', {}),
      step('shown', 'exec_get', 'GET /exec/:id', TASK),
      step('fed', 'exec_input', 'POST /exec/:id/input', { ...TASK }, { body: 'héllo', tool: { ...TASK, input: 'héllo' } }),
      step('input that is no base64', 'exec_input', 'POST /exec/:id/input', { ...TASK, base64: true }, { body: '*', tool: { ...TASK, input: '*', base64: true } }),
      step('fed to its end', 'exec_input', 'POST /exec/:id/input', { ...TASK, eof: true }, { body: '', tool: { ...TASK, eof: true } }),
      step('ended', 'exec_get', 'GET /exec/:id', { ...TASK, wait_seconds: 50 }),
      step('a range of its output', 'exec_get', 'GET /exec/:id', { ...TASK, stream: 'stdout', offset: 2, limit: 16 }),
      step('fed when it has ended', 'exec_input', 'POST /exec/:id/input', TASK, { body: 'x', tool: { ...TASK, input: 'x' } }),
      step('attached', 'exec_attach', 'GET /exec/stream', { task_id: '{task}' }, REST),
      step('attached in chunks', 'exec_attach', 'GET /exec/stream', { task_id: '{task}', replay: 'chunks' }, REST),
      forgotten,
      step('deleted twice', 'exec_delete', 'DELETE /exec/:id', TASK),
      cat,
      step('all deleted', 'exec_delete_all', 'DELETE /exec', {}),
      step('no commands', 'exec_list', 'GET /exec', {}),
    ],
  },
  one('exec_get', 'GET /exec/:id', 'unknown', { id: '999' }),
  one('exec_get', 'GET /exec/:id', 'a wait that is too long', { id: '999', wait_seconds: 51 }),
  one('exec_input', 'POST /exec/:id/input', 'unknown', { id: '999' }, { body: 'x', tool: { id: '999', input: 'x' } }),
  one('exec_attach', 'GET /exec/stream', 'unknown', { task_id: '999' }, REST),
  { name: 'exec_run: at the limit', steps: [step('the one there may be', 'exec_run', 'POST /exec', CAT, { wide: true, keep: { task: 'id' } }), step('one more', 'exec_run', 'POST /exec', CAT, { wide: true }), step('the one deleted', 'exec_delete', 'DELETE /exec/:id', TASK, { wide: true })] },
]

const TERMINAL = { id: '{terminal}' }
const SHELL = { command: ['sh', '-c', 'printf hello; exec cat'], cwd: '{dir}' }
const scrollback = '/terminals/:id/scrollback'
const opened = step('opened', 'terminal_create', 'POST /terminals', SHELL, { keep: { terminal: 'id' } })
const hungUp = step('deleted', 'terminal_delete', 'DELETE /terminals/:id', TERMINAL)

// A table: one exchange a line.
// prettier-ignore
export const TERMINALS: readonly Scenario[] = [
  {
    name: 'terminal',
    steps: [
      opened,
      step('waited for', 'terminal_scrollback', `GET ${scrollback}`, { ...TERMINAL, from: 0, wait_seconds: 50 }),
      step('listed', 'terminal_list', 'GET /terminals', {}),
      step('resized', 'terminal_resize', 'POST /terminals/:id/resize', { ...TERMINAL, cols: 100, rows: 30 }),
      step('resized to nothing', 'terminal_resize', 'POST /terminals/:id/resize', { ...TERMINAL, cols: 0, rows: 30 }),
      step('typed', 'terminal_input', 'POST /terminals/:id/input', { ...TERMINAL, input: 'x' }),
      step('typed nothing', 'terminal_input', 'POST /terminals/:id/input', { ...TERMINAL, input: '*', base64: true }),
      step('the echo', 'terminal_scrollback', `GET ${scrollback}`, { ...TERMINAL, from: 5, wait_seconds: 50 }),
      step('as text', 'terminal_scrollback', `GET ${scrollback}`, { ...TERMINAL, text: true }),
      step('of another life', 'terminal_scrollback', `GET ${scrollback}`, { ...TERMINAL, from: 3, life: 'other' }),
      step('kept shorter', 'terminal_scrollback_resize', `PATCH ${scrollback}`, { ...TERMINAL, scrollback_size: 4096 }, REST),
      step('kept no number', 'terminal_scrollback_resize', `PATCH ${scrollback}`, { ...TERMINAL, scrollback_size: 'x' }, REST),
      step('cleared', 'terminal_scrollback_clear', `DELETE ${scrollback}`, TERMINAL, REST),
      step('a gap', 'terminal_scrollback', `GET ${scrollback}`, { ...TERMINAL, from: 0 }),
      hungUp,
      step('deleted twice', 'terminal_delete', 'DELETE /terminals/:id', TERMINAL),
    ],
  },
  one('terminal_create', 'POST /terminals', 'a program that is not there', { command: ['no-such-program'], cwd: '{dir}' }),
  one('terminal_create', 'POST /terminals', 'too wide', { command: ['cat'], cols: 1001 }),
  one('terminal_scrollback', `GET ${scrollback}`, 'unknown', { id: '200' }),
  one('terminal_input', 'POST /terminals/:id/input', 'unknown', { id: '200', input: 'x' }),
  one('terminal_resize', 'POST /terminals/:id/resize', 'unknown', { id: '200', cols: 1, rows: 1 }),
  one('terminal_scrollback_clear', `DELETE ${scrollback}`, 'unknown', { id: '200' }, REST),
  {
    name: 'terminal_create: at the limit',
    steps: [step('the one there may be', 'terminal_create', 'POST /terminals', { command: ['cat'], cwd: '{dir}' }, { wide: true, keep: { terminal: 'id' } }), step('one more', 'terminal_create', 'POST /terminals', { command: ['cat'], cwd: '{dir}' }, { wide: true }), step('the one deleted', 'terminal_delete', 'DELETE /terminals/:id', TERMINAL, { wide: true })],
  },
]

const WATCHER = { id: '{watcher}' }

// A table: one exchange a line.
// prettier-ignore
export const WATCHERS: readonly Scenario[] = [
  {
    name: 'watcher',
    steps: [
      step('made', 'watcher_create', 'POST /watchers', { path: '{dir}', excludes: ['*.log'] }, { keep: { watcher: 'id', cursor: 'cursor' } }),
      step('listed', 'watcher_list', 'GET /watchers', {}),
      step('shown', 'watcher_get', 'GET /watchers/:id', WATCHER),
      step('a folder is made', 'file_mkdir', 'POST /files/mkdir', { path: '{dir}/fresh' }),
      step('the change', 'watcher_get', 'GET /watchers/:id', { ...WATCHER, since: '{cursor}', wait_seconds: 50 }),
      step('a cursor that is none', 'watcher_get', 'GET /watchers/:id', { ...WATCHER, since: 'x' }),
      step('deleted', 'watcher_delete', 'DELETE /watchers/:id', WATCHER),
      step('deleted twice', 'watcher_delete', 'DELETE /watchers/:id', WATCHER),
    ],
  },
  one('watcher_create', 'POST /watchers', 'not there', { path: '{dir}/no' }),
  one('watcher_create', 'POST /watchers', 'a file', { path: '{dir}/b.txt' }),
  one('watcher_get', 'GET /watchers/:id', 'unknown', { id: '999' }),
  { name: 'watcher_create: at the limit', steps: [step('the one there may be', 'watcher_create', 'POST /watchers', { path: '{dir}' }, { wide: true, keep: { watcher: 'id' } }), step('one more', 'watcher_create', 'POST /watchers', { path: '{dir}' }, { wide: true }), step('the one deleted', 'watcher_delete', 'DELETE /watchers/:id', WATCHER, { wide: true })] },
]
