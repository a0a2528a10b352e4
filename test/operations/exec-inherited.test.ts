// Things that commands and terminals inherit from the process that started the daemon: bytes, limits, a locale, a place
// in the order in which the kernel kills.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { bytesOfText, textOfBytes } from '../../src/base/bytes-text.ts'
import { startDaemon, type Daemon } from '../support/daemon.ts'

const outputOf = async (daemon: Daemon, line: string, more: object = {}): Promise<string> =>
  (await daemon.call('POST', '/exec', { command: ['sh', '-c', line], ...more })).body.stdout

t.test('variables that are not UTF-8 pass unchanged, names too', async (t) => {
  const line =
    'ODD=$(printf "caf\\351\\377x\\357\\277\\275 \\303\\251"); export ODD; exec env "$(printf "N\\344M=v\\344")" "$@"'
  const daemon = await startDaemon(t, { wrapper: ['sh', '-c', line, 'sh'] })
  const odd = await outputOf(daemon, 'printf %s "$ODD" | od -An -tx1')
  t.equal(odd.trim(), '63 61 66 e9 ff 78 ef bf bd 20 c3 a9')
  // Not through a shell, which drops what is no name to it.
  const { body } = await daemon.call('POST', '/exec', { command: ['cat', '/proc/self/environ'] })
  const { body: whole } = await daemon.call('GET', `/exec/${body.id}?stream=stdout&encoding=base64`)
  t.ok(Buffer.from(whole.stdout, 'base64').includes(Buffer.from('\0N\xe4M=v\xe4\0', 'latin1')))
  t.equal(await outputOf(daemon, 'printf %s "$ODD"', { env: { ODD: 'é' } }), 'é', 'the caller’s is laid over it')
})

t.test('bytes become text and the same bytes again', async (t) => {
  for (const hex of [
    '',
    '61',
    'e9',
    'efbfbd',
    'efbfbde9',
    'f09f9880',
    'f09f98',
    'eda080',
    'c3a9ffc3',
    'c080',
    'f8808080',
  ]) {
    const bytes = Buffer.from(hex, 'hex')
    t.equal(bytesOfText(textOfBytes(bytes)).toString('hex'), hex, hex)
  }
  for (let round = 0; round < 2000; round++) {
    const bytes = Buffer.from(Array.from({ length: round % 9 }, () => Math.floor(Math.random() * 256)))
    if (!bytesOfText(textOfBytes(bytes)).equals(bytes)) t.fail(bytes.toString('hex'))
  }
})

t.test('the soft limit of open files is that of the process that started the daemon', async (t) => {
  // Not exec: the shell stays, as the one that a person or an entry point is in.
  const wrapper = ['sh', '-c', 'ulimit -Hn 20000; ulimit -Sn 4096; "$@" & wait', 'sh']
  const daemon = await startDaemon(t, { wrapper })
  t.equal(await outputOf(daemon, 'ulimit -Sn; ulimit -Hn'), '4096\n20000\n')
  const { body } = await daemon.call('POST', '/terminals', { command: ['sh', '-c', 'ulimit -Sn; sleep 60'] })
  const path = `/terminals/${body.id}/scrollback?text=true&from=0&wait_seconds=10`
  t.match(JSON.stringify((await daemon.call('GET', path)).body), /"4096/)
  process.kill((await daemon.call('GET', '/health/detail')).body.pid, 'SIGTERM')
})

t.test('exec.nofile sets it, as far as the hard limit goes', async (t) => {
  const wrapper = ['sh', '-c', 'ulimit -Hn 20000; exec "$@"', 'sh']
  for (const [nofile, soft] of [
    [333, '333'],
    [50_000, '20000'],
  ] as const) {
    const daemon = await startDaemon(t, { wrapper, config: { exec: { nofile } } })
    t.equal((await outputOf(daemon, 'ulimit -Sn')).trim(), soft)
  }
})

t.test('a locale where none is set, and nothing of the starting shell', async (t) => {
  const line = 'cd /; cd /tmp; unset LANG LC_ALL LC_CTYPE; export OLDPWD; exec "$@"'
  const daemon = await startDaemon(t, { wrapper: ['sh', '-c', line, 'sh'] })
  t.match(await outputOf(daemon, 'env'), /^LANG=C\.UTF-8$/m)
  t.notMatch(await outputOf(daemon, 'env'), /^OLDPWD=/m)
})

t.test('commands go before the daemon when memory runs out', async (t) => {
  const daemon = await startDaemon(t)
  const score = () => Number(readFileSync(`/proc/${daemon.pid}/oom_score_adj`, 'latin1'))
  const own = score()
  const wanted = Math.min(1000, Math.max(0, own) + 100)
  t.equal(await outputOf(daemon, 'cat /proc/self/oom_score_adj'), `${wanted}\n`)
  t.equal(score(), own, 'its own stays')
})
