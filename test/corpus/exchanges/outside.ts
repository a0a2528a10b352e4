// What leaves the workspace or describes it: archives, the proxy, other runtimes, health,
// metrics, the documents.

import { gzipSync } from 'node:zlib'
import { typesOf } from '../masks.ts'
import type { Scenario, Step } from '../doors.ts'
import { one } from './files.ts'

const REST = { tool: false } as const
const TAR = { ...REST, headers: { 'content-type': 'application/x-tar' } }
const [down, up] = ['POST /files/transfer/download', 'POST /files/transfer/upload']
const rest = (op: string, http: string, name = '', more: Partial<Step> = {}): Scenario =>
  one(op, http, name, {}, { ...REST, ...more })

/** A tar archive of one empty file. */
function tarOf(name: string): Buffer {
  const head = Buffer.alloc(512)
  head.write(name, 0)
  for (const [text, at] of [
    ['0000644\0', 100],
    ['0000000\0', 108],
    ['0000000\0', 116],
    ['00000000000\0', 124],
    ['00000000000\0', 136],
    ['        ', 148],
    ['0', 156],
    ['ustar\x0000', 257],
  ] as const)
    head.write(text, at)
  head.write(
    `${head
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  )
  return Buffer.concat([head, Buffer.alloc(1024)])
}

// A table: one exchange a line.
// prettier-ignore
export const ARCHIVES: readonly Scenario[] = [
  ...['tar.gz', 'tar.zst', 'tar'].map((format) => one('transfer_download', down, `as ${format}`, { paths: ['{dir}/src', '{dir}/link', '{dir}/empty'], format }, REST)),
  one('transfer_download', down, 'not there', { paths: ['{dir}/no'] }, REST),
  one('transfer_download', down, 'no paths', {}, REST),
  one('transfer_download', down, 'a format that is unknown', { paths: ['{dir}/src'], format: 'zip' }, REST),
  one('transfer_upload', up, 'plain', { dest: '{dir}/up' }, { ...TAR, body: tarOf('a.txt') }),
  one('transfer_upload', up, 'compressed', { dest: '{dir}/up' }, { ...TAR, body: gzipSync(tarOf('sub/b.txt')) }),
  one('transfer_upload', up, 'raw', { dest: '{dir}/up.txt', format: 'raw' }, { ...TAR, body: 'text' }),
  one('transfer_upload', up, 'out of the folder', { dest: '{dir}/up' }, { ...TAR, body: tarOf('../out.txt') }),
  one('transfer_upload', up, 'no archive', { dest: '{dir}/up' }, { ...TAR, body: 'text'.repeat(300) }),
  one('transfer_upload', up, 'nothing', { dest: '{dir}/up' }, { ...TAR, body: '' }),
  one('transfer_upload', up, 'into a file', { dest: '{dir}/b.txt' }, { ...TAR, body: tarOf('a.txt') }),
]

const through = (target: string): Partial<Step> => ({ headers: { 'x-oblien-proxy-target': target } })

// A table: one exchange a line.
// prettier-ignore
export const PROXY: readonly Scenario[] = [
  rest('proxy', 'GET /proxy/{app}/a%20b?x=1&token=t', 'the port in the path'),
  rest('proxy', 'POST /proxy/below', 'the port in a header', { ...through('{app}'), body: 'sent' }),
  rest('proxy', 'GET /proxy?x_oblien_target={app}', 'the port in the query'),
  rest('proxy', 'GET /proxy/', 'an application that redirects and sets cookies', through('{teller}')),
  rest('proxy', 'GET /proxy/{teller}/', 'an upgrade', { headers: { connection: 'Upgrade', upgrade: 'echo' } }),
  rest('proxy', 'GET /proxy/', 'no target'),
  rest('proxy', 'GET /proxy/0/', 'a port that is none'),
  rest('proxy', 'GET /proxy/', 'another host', through('example.com:80')),
  rest('proxy', 'GET /proxy/', 'nothing listens', through('{closed}')),
  rest('proxy', 'GET /proxy/', 'the daemon itself', through('{self}')),
  rest('port_list', 'GET /ports', '', { read: onlyOurs }),
  rest('runtime_targets', 'GET /runtimes'),
  rest('runtime_info', 'GET /runtimes/local/runtime', 'of the local one by its name'),
  rest('runtime_info', 'GET /runtimes/other/runtime', 'of another one'),
  rest('runtime_info', 'GET /runtimes/gone/runtime', 'of one that does not answer'),
  rest('runtime_info', 'GET /runtimes/nobody/runtime', 'of one that is unknown'),
]

/** The machine has other ports: one that the test opened stands for the list. */
function onlyOurs(body: unknown): unknown {
  const { ports, ...others } = body as { ports: { port: number; pid?: number }[]; count: number }
  return {
    ...others,
    count: '<number>',
    ports: ports
      .filter(({ pid }) => pid === process.pid)
      .slice(0, 1)
      .map(typesOf),
  }
}

// A table: one exchange a line.
// prettier-ignore
export const RUNTIME: readonly Scenario[] = [
  rest('health', 'GET /health'),
  rest('health', 'POST /health', 'by POST'),
  rest('health_detail', 'GET /health/detail', '', { read: (body) => typesOf({ ...Object(body), problems: [], conditions: [], commit: undefined }) }),
  rest('metrics', 'GET /metrics'),
  rest('runtime_info', 'GET /runtime'),
  rest('desktop_status', 'GET /desktop/status'),
  one('tool_call', 'POST /tools/:name', '', { name: 'exec_list' }, REST),
  one('tool_call', 'POST /tools/:name', 'unknown', { name: 'exec_lst' }, REST),
  rest('openapi', 'GET /openapi.json'),
  rest('schema_list', 'GET /schemas'),
  ...['config', 'error', 'file_list.input', 'exec_run.output'].map((name) => rest('schema_get', `GET /schemas/${name}`, name)),
  rest('schema_get', 'GET /schemas/file_lst.input', 'unknown'),
]
