// The frames of /ws, both ways: terminals from birth to exit, replays and gaps, acknowledgements, watchers, and every
// kind of frame that is refused.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../../support/until.ts'
import { view, type Viewer } from '../../support/viewer.ts'
import { limitedToken } from './access.ts'
import { layOut, type Exchanges, type World } from '../doors.ts'

interface Owner {
  teardown(handler: () => void | Promise<void>): unknown
}

interface Scene extends World {
  readonly owner: Owner
  readonly sent: unknown[]
}

interface Told {
  readonly viewer: Viewer
  /** Of the terminal whose output is stored. */
  readonly id?: number
}

const CAT = { command: ['cat'], cwd: '/' }

async function openTerminal({ plain }: World, body: object = CAT): Promise<number> {
  return Number((await plain.call('POST', '/terminals', body)).body.id)
}

const shared = (scene: Scene, query = '', token?: string): Promise<Viewer> =>
  view(
    scene.owner,
    `ws://127.0.0.1:${scene.plain.port}/ws`,
    `&mode=shared${query}`,
    token === undefined ? {} : { token },
  )

function say({ sent }: Scene, viewer: Viewer, frame: object): void {
  sent.push(frame)
  viewer.say(frame)
}

async function typed(scene: Scene, viewer: Viewer, id: number): Promise<void> {
  scene.sent.push({ type: 'input', text: 'hi\r' })
  viewer.type(id, 'hi\r')
  await until('the echo and the line', () => viewer.text(id).length >= 'hi\r\nhi\r\n'.length)
}

const SCENES: Readonly<Record<string, (scene: Scene) => Promise<Told>>> = {
  async 'a terminal from birth to exit'(scene) {
    const viewer = await shared(scene)
    const id = await openTerminal(scene)
    await viewer.next('replay', id)
    await typed(scene, viewer, id)
    say(scene, viewer, { type: 'resize', id, cols: 100, rows: 30 })
    say(scene, viewer, { channel: 'terminal', type: 'close', id: String(id) })
    await viewer.next('exit', id)
    return { viewer, id }
  },
  async 'an exit code'(scene) {
    const viewer = await shared(scene)
    const id = await openTerminal(scene, { command: ['sh', '-c', 'exit 3'] })
    await viewer.next('exit', id)
    return { viewer, id }
  },
  async 'of another life, then from its beginning'(scene) {
    const id = await openTerminal(scene, { command: ['sh', '-c', 'printf hello; exec cat'] })
    await scene.plain.call('GET', `/terminals/${id}/scrollback?from=0&wait_seconds=50`)
    const viewer = await shared(scene, `&since=${id}:3:other`)
    await until('what is replayed', () => viewer.text(id).length >= 5)
    return { viewer, id }
  },
  async 'what is no longer kept'(scene) {
    const id = await openTerminal(scene, { command: ['sh', '-c', 'printf hello; exec cat'] })
    await scene.plain.call('GET', `/terminals/${id}/scrollback?from=0&wait_seconds=50`)
    await scene.plain.call('DELETE', `/terminals/${id}/scrollback`)
    const viewer = await shared(scene, `&since=${id}:0`)
    await viewer.next('replay', id)
    return { viewer, id }
  },
  async acknowledged(scene) {
    const viewer = await shared(scene, '&flow=ack')
    const id = await openTerminal(scene)
    await viewer.next('replay', id)
    await typed(scene, viewer, id)
    say(scene, viewer, { type: 'ack', id, offset: 8 })
    await viewer.settled()
    return { viewer, id }
  },
  async 'a watcher'(scene) {
    const viewer = await shared(scene)
    const { body } = await scene.plain.call('POST', '/watchers', { path: scene.folder })
    await viewer.next('ready')
    mkdirSync(join(scene.folder, 'made'))
    await viewer.next('change')
    await scene.plain.call('DELETE', `/watchers/${body.id}`)
    await viewer.settled()
    return { viewer }
  },
  async replaced(scene) {
    const viewer = await view(scene.owner, `ws://127.0.0.1:${scene.plain.port}/ws`)
    const newcomer = await view(scene.owner, `ws://127.0.0.1:${scene.plain.port}/ws`)
    await viewer.closed()
    newcomer.socket.close()
    return { viewer }
  },
  async 'a credential without terminals'(scene) {
    const viewer = await shared(scene, '', limitedToken('watch'))
    say(scene, viewer, { type: 'resize', id: 1, cols: 1, rows: 1 })
    await until('the refusal', () => viewer.errors().length === 1)
    return { viewer }
  },
}

const BAD: Readonly<Record<string, string | Uint8Array>> = {
  'nothing in binary': Buffer.of(),
  'input without bytes': Buffer.of(200),
  'input for an unknown terminal': Buffer.of(200, 120),
  'no JSON': '{',
  'no object': '[]',
  'an unknown channel': '{"channel":"watcher","type":"close","id":200,"request_id":"a"}',
  'an unknown type': '{"type":"open","id":200,"request_id":"a"}',
  'close without an id': '{"type":"close","request_id":"a"}',
  'close of an unknown terminal': '{"type":"close","id":200,"request_id":"a"}',
  'resize to nothing': '{"type":"resize","id":200,"cols":0,"rows":1}',
  'resize of an unknown terminal': '{"type":"resize","id":"200","cols":1,"rows":1}',
  'ack without an offset': '{"type":"ack","id":200}',
  'ack of an unknown terminal': '{"type":"ack","id":200,"offset":0}',
  'a long text': JSON.stringify({ type: 'x'.repeat(16 * 1024) }),
}

/** What the viewer was told, in order; the pieces of output as one. */
function told({ viewer, id }: Told): unknown {
  const frames: object[] = []
  for (const frame of viewer.frames) {
    const output = 'output' in frame
    if (output && 'output' in (frames.at(-1) ?? {})) continue
    frames.push(output ? { output: frame.output, text: viewer.text(id ?? frame.output) } : frame)
  }
  return frames
}

export async function recordSockets(world: World, owner: Owner): Promise<Exchanges> {
  const exchanges: Exchanges = {}
  layOut(world.folder)
  for (const [name, play] of Object.entries(SCENES)) {
    const sent: unknown[] = []
    const all = await play({ ...world, owner, sent })
    const open = all.viewer.socket.readyState === all.viewer.socket.OPEN
    exchanges[name] = { ask: { sent }, frames: told(all), ...(open ? {} : { closed: await all.viewer.closed() }) }
    all.viewer.socket.terminate()
    if (all.id !== undefined) await world.plain.call('DELETE', `/terminals/${all.id}`)
  }
  for (const [name, frame] of Object.entries(BAD)) {
    const viewer = await shared({ ...world, owner, sent: [] })
    viewer.socket.send(frame)
    await until(`the refusal of ${name}`, () => viewer.errors().length > 0)
    exchanges[`refused: ${name}`] = { ask: { sent: [sentAs(frame)] }, frames: viewer.frames }
    viewer.socket.terminate()
  }
  return exchanges
}

function sentAs(frame: string | Uint8Array): unknown {
  if (typeof frame !== 'string') return { type: 'input', bytes: [...frame] }
  return frame.length > 200 ? `<${frame.length} bytes>` : frame
}
