// Files and search: each operation's success, and its refusals of every kind.

import { createHash } from 'node:crypto'
import type { Scenario, Step } from '../doors.ts'

type Fields = Readonly<Record<string, unknown>>

/** A scenario of one step. */
export function one(op: string, http: string, name: string, fields: Fields, more: Partial<Step> = {}): Scenario {
  return { name: `${op}: ${name}`, steps: [{ name: '', op, http, fields, ...more }] }
}

const REST = { tool: false } as const
const WIDE = { wide: true } as const
const [list, read, stat] = ['GET /files', 'GET /files/read', 'GET /files/stat']
const [write, mkdir, remove] = ['POST /files/write', 'POST /files/mkdir', 'POST /files/delete']
const [content, names, raw] = ['GET /files/search', 'GET /files/search/files', '/files/raw']
const sha = (text: string): string => createHash('sha256').update(text).digest('hex')

// A table: one exchange a line.
// prettier-ignore
export const FILES: readonly Scenario[] = [
  one('file_list', list, 'a directory', { path: '{dir}' }),
  one('file_list', list, 'a tree, names only', { path: '{dir}', nested: true, light: true }),
  one('file_list', list, 'with everything', { path: '{dir}', nested: true, flatten: true, include_hash: true, include_content: true, include_extensions: true, include_ext: 'js,bin' }),
  one('file_list', list, 'cut at max_entries', { path: '{dir}', max_entries: 2 }),
  one('file_list', list, 'not there', { path: '{dir}/no' }),
  one('file_list', list, 'of a file', { path: '{dir}/b.txt' }),
  one('file_list', list, 'a number out of range', { path: '{dir}', max_depth: 0 }),
  one('file_list', list, 'a flag that is none', { path: '{dir}', nested: 'perhaps' }),
  one('file_list', list, 'an unknown field', { path: '{dir}/empty', nestd: true }),
  one('file_stream', 'GET /files/stream', 'a tree', { path: '{dir}', nested: true, light: true, flatten: true }, REST),
  one('file_stream', 'GET /files/stream', 'not there', { path: '{dir}/no' }, REST),
  one('file_read', read, 'whole', { path: '{dir}/src/a.js', hash: true }),
  one('file_read', read, 'a range with numbers', { path: '{dir}/src/a.js', start_line: 2, end_line: 9, with_line_numbers: true }),
  one('file_read', read, 'cut at max_bytes', { path: '{dir}/long.txt', max_bytes: 32 }),
  one('file_read', read, 'bytes as base64', { path: '{dir}/bytes.bin', encoding: 'auto' }),
  one('file_read', read, 'bytes as text', { path: '{dir}/bytes.bin' }),
  one('file_read', read, 'a directory', { path: '{dir}/src' }),
  one('file_read', read, 'a device', { path: '/dev/null' }),
  one('file_read', read, 'not there', { path: '{dir}/no' }),
  one('file_read', read, 'without a path', {}),
  one('file_read', read, 'a range that ends before it begins', { path: '{dir}/b.txt', start_line: 3, end_line: 2 }),
  one('file_read', read, 'a path with NUL', { path: '{dir}/a\0b' }),
  one('file_read', read, 'an encoding that is unknown', { path: '{dir}/b.txt', encoding: 'latin1' }),
  one('file_write', write, 'a new file', { path: '{dir}/new.txt', content: 'hé', hash: true }),
  one('file_write', 'PUT /files/write', 'over a file, with its hash', { path: '{dir}/b.txt', content: 'x', expected_hash: sha('find you\n') }),
  one('file_write', write, 'appended', { path: '{dir}/b.txt', content: 'more', append: true }),
  one('file_write', write, 'another hash', { path: '{dir}/b.txt', content: 'x', expected_hash: sha('other') }),
  one('file_write', write, 'below a folder that is missing', { path: '{dir}/x/new.txt', content: 'x' }),
  one('file_write', write, 'over a directory', { path: '{dir}/src', content: 'x' }),
  one('file_write', write, 'below a file', { path: '{dir}/b.txt/x', content: 'x' }),
  one('file_write', write, 'without content', { path: '{dir}/new.txt' }),
  one('file_write', write, 'no base64', { path: '{dir}/new.txt', content: '*', encoding: 'base64' }),
  one('file_write', write, 'a mode that is none', { path: '{dir}/new.txt', content: '', mode: '999' }),
  one('file_mkdir', mkdir, 'with parents', { path: '{dir}/p/q' }),
  one('file_mkdir', mkdir, 'over a file', { path: '{dir}/b.txt' }),
  one('file_stat', stat, 'a file', { path: '{dir}/src/a.js', hash: true }),
  one('file_stat', stat, 'a link', { path: '{dir}/link' }),
  one('file_stat', stat, 'a directory', { path: '{dir}/empty' }, { read: (body) => body }),
  one('file_stat', stat, 'not there', { path: '{dir}/no' }),
  one('file_delete', remove, 'a tree', { path: '{dir}/src' }),
  one('file_delete', 'DELETE /files/delete', 'by DELETE', { path: '{dir}/b.txt' }),
  one('file_delete', remove, 'not there', { path: '{dir}/no' }),
  one('file_delete', remove, 'a system directory', { path: '/usr/../etc/' }),
  one('file_move', 'POST /files/move', 'a file', { path: '{dir}/b.txt', to: '{dir}/c.txt' }, WIDE),
  one('file_move', 'POST /files/move', 'over a file', { path: '{dir}/b.txt', to: '{dir}/long.txt' }, WIDE),
  one('file_move', 'POST /files/move', 'a directory into itself', { path: '{dir}/src', to: '{dir}/src/x' }, WIDE),
  one('file_copy', 'POST /files/copy', 'a tree', { path: '{dir}/src', to: '{dir}/copy' }, WIDE),
  one('file_copy', 'POST /files/copy', 'not there', { path: '{dir}/no', to: '{dir}/copy' }, WIDE),
  one('file_chmod', 'POST /files/chmod', 'a tree', { path: '{dir}/src', mode: '0640', recursive: true, directory_mode: '0750' }, WIDE),
  one('file_chmod', 'POST /files/chmod', 'a mode that is none', { path: '{dir}/src', mode: 'rwx' }, WIDE),
  one('file_move', 'POST /files/move', 'where the toolset is off', { path: '{dir}/b.txt', to: '{dir}/c.txt' }, REST),
  one('file_raw_read', `GET ${raw}`, 'whole', { path: '{dir}/b.txt' }, REST),
  one('file_raw_read', `HEAD ${raw}`, 'HEAD', { path: '{dir}/b.txt' }, { ...REST, body: '' }),
  one('file_raw_read', `GET ${raw}`, 'a range', { path: '{dir}/b.txt' }, { ...REST, headers: { range: 'bytes=5-7' } }),
  one('file_raw_read', `GET ${raw}`, 'a range beyond the end', { path: '{dir}/b.txt' }, { ...REST, headers: { range: 'bytes=99-' } }),
  one('file_raw_read', `GET ${raw}`, 'if-match of another', { path: '{dir}/b.txt' }, { ...REST, headers: { 'if-match': '"x"' } }),
  one('file_raw_read', `GET ${raw}`, 'not there', { path: '{dir}/no' }, REST),
  one('file_raw_read', `GET ${raw}`, 'a directory', { path: '{dir}/src' }, REST),
  {
    name: 'file_raw_read',
    steps: [
      { name: 'its etag', op: 'file_raw_read', http: `GET ${raw}`, fields: { path: '{dir}/b.txt' }, ...REST, keep: { etag: 'header etag' } },
      { name: 'if-none-match of it', op: 'file_raw_read', http: `GET ${raw}`, fields: { path: '{dir}/b.txt' }, ...REST, headers: { 'if-none-match': '{etag}' } },
    ],
  },
  one('file_raw_write', `PUT ${raw}`, 'a new file', { path: '{dir}/new.bin' }, { ...REST, body: 'bytes' }),
  one('file_raw_write', `PUT ${raw}`, 'only if there is none', { path: '{dir}/b.txt' }, { ...REST, body: 'x', headers: { 'if-none-match': '*' } }),
  one('file_raw_write', `PUT ${raw}`, 'another digest', { path: '{dir}/b.txt' }, { ...REST, body: 'x', headers: { 'content-digest': `sha-256=:${Buffer.alloc(32).toString('base64')}:` } }),
  one('file_raw_write', `PUT ${raw}`, 'a part of it', { path: '{dir}/b.txt' }, { ...REST, body: 'x', headers: { 'content-range': 'bytes 0-0/9' } }),
  one('file_raw_write', `PUT ${raw}`, 'encoded', { path: '{dir}/b.txt' }, { ...REST, body: 'x', headers: { 'content-encoding': 'gzip' } }),
]

// A table: one exchange a line.
// prettier-ignore
export const SEARCH: readonly Scenario[] = [
  one('search_content', content, 'two files', { q: 'find', path: '{dir}' }),
  one('search_content', content, 'an expression, with context', { q: 'F.ND', regex: true, context_lines: 1, path: '{dir}/src/a.js' }),
  one('search_content', content, 'cut at max_results', { q: 'line', path: '{dir}', max_results: 2 }),
  one('search_content', content, 'nothing found', { q: 'nowhere', path: '{dir}' }),
  one('search_content', content, 'no query', { path: '{dir}' }),
  one('search_content', content, 'too long', { q: 'x'.repeat(1001), path: '{dir}' }),
  one('search_content', content, 'no expression', { q: '(', regex: true, path: '{dir}' }),
  one('search_content', content, 'not there', { q: 'x', path: '{dir}/no' }),
  one('search_files', names, 'by a part of the name', { q: '.J', path: '{dir}' }),
  one('search_files', names, 'below a file', { q: 'a', path: '{dir}/b.txt' }),
  one('search_init', 'GET /files/search/init', 'asked', {}, { tool: { install: false } }),
  one('search_init', 'POST /files/search/init', 'installed', {}),
  one('search_init', 'POST /files/search/init', 'a flag that is none', { install: 'perhaps' }),
]
