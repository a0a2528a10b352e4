// Runs the gateway of deploy/gateway: its files with the ports, paths and lists of the test, a certificate made for it,
// and workers of another user if the test is root. It is ended with the test.

import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { createHmac, sign, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, chownSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import type { Test } from 'tap'
import { closedPort } from './application.ts'
import { HS256 } from './jwt.ts'
import { until } from './until.ts'

const SOURCES = join(import.meta.dirname, '../../deploy/gateway')
// Where Debian installs them; the first is not on the PATH of every user.
const NGINX = '/usr/sbin/nginx'
const NJS = '/usr/lib/nginx/modules/ngx_http_js_module.so'

/** Reason to skip a test that needs it; false where it is there. */
export const NO_GATEWAY: string | false =
  existsSync(NJS) && runs(NGINX, '-v') && runs('openssl', 'version')
    ? false
    : 'nginx, its njs module or openssl is not installed'

function runs(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args).status === 0
}

export interface GatewayOptions {
  /** Ports of 127.0.0.1 that tokens may name. */
  readonly ports: readonly number[]
  readonly algorithm?: 'HS256' | 'RS256'
  /** Contents of the key files; by default the secret of jwt.ts. */
  readonly keys?: readonly (string | Uint8Array)[]
  readonly issuer?: string
  /** Those of `ports` to which connections are kept. */
  readonly kept?: readonly number[]
}

export interface Gateway {
  readonly url: string
  readonly port: number
  /** Everything that it has logged. */
  log(): string
}

type Json = Readonly<Record<string, unknown>>

/** A token with the header and signature one asks for, valid or not. */
export function signed(header: Json, claims: Json, key: Uint8Array | string | KeyObject = HS256): string {
  const part = (value: Json): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${part(header)}.${part(claims)}`
  const signature =
    key instanceof Uint8Array || typeof key === 'string'
      ? createHmac('sha256', key).update(input).digest()
      : sign('sha256', Buffer.from(input), key)
  return `${input}.${signature.toString('base64url')}`
}

/** Claims of a token that the gateway accepts. */
export function claimsFor(port: number, more: Json = {}): Json {
  return { exp: Math.floor(Date.now() / 1000) + 3600, sub: 'tester', ip: '127.0.0.1', port, ...more }
}

export async function openGateway(t: Test, options: GatewayOptions): Promise<Gateway> {
  const directory = mkdtempSync(join(tmpdir(), 'gateway-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  chmodSync(directory, 0o755)
  cpSync(SOURCES, directory, { recursive: true })
  trustNewCertificate(directory)
  const port = await closedPort()
  const keys = writeKeys(directory, options.keys ?? [HS256])
  writeFileSync(join(directory, 'nginx.conf'), configuration(directory, port, keys, options))
  const child = spawn(NGINX, ['-p', directory, '-c', 'nginx.conf', '-e', 'start.log', '-g', 'daemon off;'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const ended = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGTERM') // ends the workers too, at once
    await ended
  })
  await until('the gateway listens', async () => {
    if (child.exitCode !== null) throw new Error(`the gateway ended: ${said}`)
    return await listens(port)
  })
  const logs = ['start.log', 'error.log', 'access.log'].map((name) => join(directory, name))
  return {
    url: `https://127.0.0.1:${port}`,
    port,
    log: () => logs.map((file) => (existsSync(file) ? readFileSync(file, 'utf8') : '')).join(''),
  }
}

function configuration(directory: string, port: number, keys: string, options: GatewayOptions): string {
  const at = (name: string): string => join(directory, name)
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const { ports, algorithm = 'HS256', issuer, kept = [] } = options
  const groups = kept.map(
    (one) => `upstream kept_${one} { server 127.0.0.1:${one}; keepalive 4; keepalive_timeout 60s; }`,
  )
  writeFileSync(at('upstreams-kept.conf'), groups.join('\n'))
  writeFileSync(at('upstreams-kept.map'), kept.map((one) => `127.0.0.1:${one} kept_${one};`).join('\n'))
  const edits: readonly (readonly [string, string])[] = [
    ['pid /run/nginx.pid;', `pid ${at('pid')};`],
    ['/var/log/nginx/workspace-gateway-error.log', at('error.log')],
    ['/var/log/nginx/workspace-gateway.log', at('access.log')],
    ['worker_processes auto;', 'worker_processes 2;'],
    ['worker_rlimit_nofile 65536;', ''],
    ['worker_connections 16384;', 'worker_connections 512;'],
    ['http {', `http {\n${paths.map((one) => `${one}_temp_path ${at(`${one}-temp`)};`).join('\n')}`],
    ['js_var $jwt_algorithm HS256;', `js_var $jwt_algorithm ${algorithm};`],
    ['js_var $jwt_keys /etc/nginx/workspace-gateway/jwt.key;', `js_var $jwt_keys '${keys}';`],
    ['js_var $jwt_issuer;', `js_var $jwt_issuer ${issuer ?? ''};`],
    ['10.0.0.0/8 1;', '127.0.0.1/32 1;'],
    ['9990 1;', ports.map((one) => `${one} 1;`).join(' ')],
    ['# https://app.example', 'https://app.example'],
    ['include upstreams/*.conf;', 'include upstreams-*.conf;'],
    ['include upstreams/*.map;', 'include upstreams-*.map;'],
    ['listen 443 ssl;', `listen 127.0.0.1:${port} ssl;`],
    ['/etc/nginx/workspace-gateway/tls.crt', at('tls.crt')],
    ['/etc/nginx/workspace-gateway/tls.key', at('tls.key')],
  ]
  return edits.reduce(
    (text, [from, to]) => {
      if (text.split(from).length !== 2) throw new Error(`nginx.conf does not have exactly one ${from}`)
      return text.replace(from, () => to)
    },
    readFileSync(at('nginx.conf'), 'utf8'),
  )
}

/** As nginx.conf says they must be: the workers' group may read them. */
function writeKeys(directory: string, keys: readonly (string | Uint8Array)[]): string {
  const group = /^www-data:[^:]*:(\d+):/m.exec(readFileSync('/etc/group', 'utf8'))?.[1]
  return keys
    .map((key, i) => {
      const file = join(directory, `jwt-${i}.key`)
      writeFileSync(file, key, { mode: 0o640 })
      if (process.getuid?.() === 0) chownSync(file, 0, Number(group ?? 0))
      return file
    })
    .join(' ')
}

/** For this process: fetch, https and WebSocket take it as they take any public one. */
function trustNewCertificate(directory: string): void {
  const [key, certificate] = [join(directory, 'tls.key'), join(directory, 'tls.crt')]
  const request = '-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=gateway'.split(' ')
  const names = ['-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync('openssl', ['req', ...request, ...names, '-keyout', key, '-out', certificate], { stdio: 'ignore' })
  setDefaultCACertificates([...getCACertificates('default'), readFileSync(certificate, 'utf8')])
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
