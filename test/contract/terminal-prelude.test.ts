// A client that comes late to a terminal: what the program set long ago is told before the output that is still shown,
// so that a fresh emulator stands as one that has seen everything.

import { once } from 'node:events'
import t, { type Test } from 'tap'
import xterm from '@xterm/headless'
import { startDaemon, type Daemon } from '../support/daemon.ts'
import { socketOf } from '../support/live-screen.ts'
import { until } from '../support/until.ts'
import { view } from '../support/viewer.ts'

const SETS =
  '\\033[?1049h\\033[?1000h\\033[?1006h\\033[?2004h\\033[?1h\\033[3;20r\\033[1;4;38;5;99m\\033[?25l\\033[4;7H\\0337'
const FLOOD =
  'i=0; while [ $i -lt COUNT ]; do echo "line $i of what is printed until the start is gone"; i=$((i+1)); done'

/** A daemon with a terminal that sets what there is, prints `count` lines and waits. */
async function printing(t: Test, count: number): Promise<{ daemon: Daemon; id: number }> {
  const daemon = await startDaemon(t)
  const line = `stty -echo; printf '${SETS}'; ${FLOOD.replace('COUNT', String(count))}; printf 'done\\033[2;3H'; exec cat`
  const { body } = await daemon.call('POST', '/terminals', { command: ['sh', '-c', line], cols: 80, rows: 24 })
  await until('all is printed', async () => {
    const { body: look } = await daemon.call('GET', `/terminals/${body.id}/scrollback?text=true&bytes=100`)
    return String(look.scrollback).includes('done\u001b[2;3H')
  })
  return { daemon, id: Number(body.id) }
}

interface Stand {
  readonly modes: xterm.IModes
  readonly screen: string
  readonly cursor: readonly [number, number]
}

async function standAfter(...pieces: readonly Uint8Array[]): Promise<Stand> {
  const terminal = new xterm.Terminal({ cols: 80, rows: 24, allowProposedApi: true })
  for (const piece of pieces) await new Promise<void>((done) => terminal.write(piece, done))
  const { active } = terminal.buffer
  return { modes: { ...terminal.modes }, screen: active.type, cursor: [active.cursorX, active.cursorY] }
}

t.test('modes, margins, looks and cursor are told to one that comes late', async (t) => {
  const { daemon, id } = await printing(t, 3000)
  const late = await view(t, socketOf(daemon), '&mode=shared')
  const replay = await late.next('replay', id)
  await until('the end', () => late.text(id).includes('done\u001b[2;3H'))
  t.ok((replay.from ?? 0) > 0, 'its beginning is not shown any more')
  const prelude = Buffer.from(replay.prelude ?? '', 'base64')
  t.ok(prelude.length > 0 && prelude.length <= 1024, `${prelude.length} bytes`)
  const stand = await standAfter(prelude, late.output(id))
  t.match(stand, { screen: 'alternate', cursor: [2, 1] })
  t.match(stand.modes, {
    mouseTrackingMode: 'vt200',
    bracketedPasteMode: true,
    applicationCursorKeysMode: true,
  })
  t.match(prelude.toString('latin1'), /\[3;20r/, 'the margins')
  t.match(prelude.toString('latin1'), /\[0;1;4;38;5;99m/, 'the looks')
  t.match(prelude.toString('latin1'), /\[\?[0-9;]*\b25l/, 'the hidden cursor')
})

t.test('nothing before the first byte; and the same where the ring has turned, alive or ended', async (t) => {
  const { daemon, id } = await printing(t, 30_000)
  const asked = await view(t, socketOf(daemon), `&mode=shared&since=${id}:5`)
  t.match(await asked.next('gap', id), { from: 5, reason: 'ring' })
  const { from = 0, prelude = '' } = await asked.next('replay', id)
  t.ok(from > 5)
  const end = async (viewer: typeof asked): Promise<Stand> => {
    await until('the end', () => viewer.text(id).endsWith('done\u001b[2;3H'))
    return await standAfter(Buffer.from(viewer.of('replay', id)[0]?.prelude ?? '', 'base64'), viewer.output(id))
  }
  const alive = await end(asked)
  t.match(alive, { screen: 'alternate', cursor: [2, 1], modes: { bracketedPasteMode: true } })
  t.ok(prelude.length > 0)
  const second = await daemon.call('POST', '/terminals', { command: ['sh', '-c', 'echo new'] })
  await until('it is there', () => asked.text(Number(second.body.id)).includes('new'))
  t.equal(asked.of('replay', Number(second.body.id))[0]?.prelude, '', 'from its birth')
  const typist = await view(t, socketOf(daemon), `&mode=shared&since=${id}:999999999`)
  typist.type(id, '\u0004')
  await typist.next('exit', id)
  asked.socket.close()
  typist.socket.close()
  await Promise.all([asked, typist].map(({ socket }) => once(socket, 'close')))
  const later = await view(t, socketOf(daemon), '&mode=shared')
  await later.next('exit', id)
  t.strictSame(await end(later), alive, 'when it has ended and only its last bytes are kept')
})

t.test('a window that has changed: margins are the whole of it', async (t) => {
  const { daemon, id } = await printing(t, 3000)
  await daemon.call('POST', `/terminals/${id}/resize`, { cols: 100, rows: 30 })
  const late = await view(t, socketOf(daemon), '&mode=shared')
  const { prelude = '' } = await late.next('replay', id)
  t.notMatch(Buffer.from(prelude, 'base64').toString('latin1'), /\[3;20r/)
  t.match(Buffer.from(prelude, 'base64').toString('latin1'), /\[\?1049h/)
})
