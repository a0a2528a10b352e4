// Moves that cannot be one rename: overlayfs renames no directory of its lower layers, other file systems none at all,
// and some sources cannot be removed. A move ends with the source gone and the destination complete, or with nothing
// changed and a word on the source.

import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
  chmodSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openFileWriter } from '../../src/workspace/files/write/file-writer.ts'
import { openMover, type Relocation } from '../../src/workspace/files/moving/mover.ts'
import { obstacle } from '../../src/workspace/files/tree/removability.ts'
import { startDaemon, type Daemon } from '../support/daemon.ts'
import { bind, ground, NO_MOUNTS, NO_ROOT, tmpfs, type Ground } from '../support/mounting.ts'
import { refused } from '../support/refused.ts'
import { until } from '../support/until.ts'

const NO_OVERLAY = NO_MOUNTS || (mayOverlay() ? false : 'no overlays here')

/** overlayfs needs layers that are on no overlay themselves. */
function mayOverlay(): boolean {
  const { status } = spawnSync('sh', [
    '-c',
    'd=$(mktemp -d) && mount -t tmpfs none $d && mkdir $d/l $d/u $d/w $d/m && mount -t overlay overlay -o lowerdir=$d/l,upperdir=$d/u,workdir=$d/w $d/m; s=$?; umount $d/m; umount $d; rmdir $d; exit $s',
  ])
  return status === 0
}

/** What `lay` makes is in the lower layer; returns the merged directory and the upper layer. */
function overlay(place: Ground, lay: (lower: string) => void, options = 'redirect_dir=off'): string {
  const disk = tmpfs(place, 'size=64m')
  const [lower, upper, work, merged] = ['lower', 'upper', 'work', 'merged'].map((name) => join(disk, name)) as [
    string,
    string,
    string,
    string,
  ]
  for (const directory of [lower, upper, work, merged]) mkdirSync(directory)
  lay(lower)
  const layers = `lowerdir=${lower},upperdir=${upper},workdir=${work},${options}`
  execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', layers, merged])
  place.undo.push(() => execFileSync('umount', ['-l', merged]))
  return merged
}

function layTree(root: string): void {
  mkdirSync(join(root, 'inner/empty'), { recursive: true })
  writeFileSync(join(root, 'file'), 'content', { mode: 0o640 })
  writeFileSync(join(root, 'inner/program'), '#!/bin/sh\n', { mode: 0o755 })
  symlinkSync('file', join(root, 'link'))
}

const TREE = ['file', 'inner', 'inner/empty', 'inner/program', 'link']
const below = (root: string): string[] => (readdirSync(root, { recursive: true }) as string[]).sort()

const move = (daemon: Daemon, path: string, to: string, more: object = {}) =>
  daemon.call('POST', '/files/move', { path, to, ...more })

t.test('directories of an image move, where overlayfs renames none', { skip: NO_OVERLAY }, async (t) => {
  const place = ground(t)
  const names = ['app', 'merged', 'far', 'out']
  const top = overlay(place, (lower) => names.forEach((name) => layTree(join(lower, name))))
  writeFileSync(join(top, 'merged/added'), 'x')
  mkdirSync(join(top, 'made'))
  const elsewhere = join(place.dir, 'elsewhere')
  mkdirSync(elsewhere)
  const daemon = await startDaemon(t)
  const moves = [
    ['app', join(top, 'app2'), TREE],
    ['merged', join(top, 'merged2'), ['added', ...TREE].sort()],
    ['far', join(top, 'a/b/far'), TREE],
    ['out', join(elsewhere, 'out'), TREE],
    ['made', join(top, 'made2'), []],
  ] as const
  for (const [name, to, content] of moves) {
    const reply = await move(daemon, join(top, name), to, { create_dirs: true })
    t.equal(reply.status, 200, `${name}: ${JSON.stringify(reply.body)}`)
    t.notOk(existsSync(join(top, name)), `${name} has gone`)
    t.same(below(to), content, `${name} is complete`)
  }
  t.equal(readFileSync(join(top, 'app2/file'), 'utf8'), 'content')
  t.match(await move(daemon, join(top, 'app2'), join(top, 'app')), { status: 200 }, 'and back')
  t.same(readdirSync(top).sort(), ['a', 'app', 'made2', 'merged2'])
  t.same(below(join(top, 'app')), TREE)
})

t.test('what cannot be removed is not copied, and the answer names it', { skip: NO_ROOT || NO_MOUNTS }, async (t) => {
  const place = ground(t)
  const disk = tmpfs(place, 'size=16m')
  const { dir } = place
  const daemon = await startDaemon(t)
  const kept = join(dir, 'kept')
  layTree(join(dir, 'tree'))
  writeFileSync(kept, 'x')
  if (spawnSync('chattr', ['+i', kept, join(dir, 'tree/inner/program')]).status !== 0) {
    return void t.pass('immutable files', { skip: 'the file system has none' })
  }
  place.undo.push(() => spawnSync('chattr', ['-i', kept, join(dir, 'tree/inner/program')]))
  for (const [path, named] of [
    ['kept', 'kept'],
    ['tree', 'tree/inner/program'],
  ] as const) {
    const { status, body } = await move(daemon, join(dir, path), join(disk, path))
    t.match({ status, code: body.error }, { status: 403 }, path)
    t.match(body.message ?? body.error, new RegExp(`${named}.*it is immutable; nothing was moved`), path)
  }
  spawnSync('chattr', ['-i', kept])
  writeFileSync(join(disk, 'kept'), 'old')
  execFileSync('chattr', ['+a', kept])
  place.undo.push(() => spawnSync('chattr', ['-a', kept]))
  t.match(await move(daemon, kept, join(disk, 'kept'), { overwrite: true }), { status: 403 }, 'append-only')
  mkdirSync(join(dir, 'source'))
  writeFileSync(join(dir, 'source/file'), 'x')
  mkdirSync(join(dir, 'shown'))
  bind(place, join(dir, 'source'), join(dir, 'shown'), 'ro')
  t.match(await move(daemon, join(dir, 'shown/file'), join(disk, 'file')), { status: 403 }, 'a read-only mount')
  t.same(readdirSync(disk), ['kept'])
  t.equal(readFileSync(join(disk, 'kept'), 'utf8'), 'old')
  t.same(below(join(dir, 'tree')), TREE)
})

interface Kit extends Ground {
  readonly disk: string
  /** Moves; `between` runs when the copy is complete and has no name yet. */
  readonly move: (path: string, to: string, more?: Partial<Relocation>, between?: () => unknown) => Promise<unknown>
}

async function kit(t: Test): Promise<Kit> {
  const place = ground(t)
  const disk = tmpfs(place, 'size=16m')
  const writer = await openFileWriter({ stateDirectory: join(place.dir, '.state'), durable: false })
  place.undo.push(() => writer[Symbol.asyncDispose]())
  const moveBy: Kit['move'] = async (path, to, more = {}, between = () => {}) => {
    let turns = 0
    const alone: typeof writer.alone = (entries, act) => {
      if (++turns === 2) between()
      return writer.alone(entries, act)
    }
    await using mover = openMover({ writer: { journal: writer.journal, alone }, durable: false, workdir: '/nowhere' })
    const request = { path, to, overwrite: false, createDirs: false, ...more }
    return await mover.move(request, new AbortController().signal)
  }
  return { ...place, disk, move: moveBy }
}

t.test('a daemon that is not root moves away only what it may remove', { skip: NO_ROOT || NO_MOUNTS }, async (t) => {
  const place = ground(t)
  const { dir } = place
  const disk = tmpfs(place, 'size=16m,mode=777')
  chmodSync(dir, 0o755)
  const sticky = join(dir, 'sticky')
  mkdirSync(sticky)
  chmodSync(sticky, 0o1777)
  writeFileSync(join(sticky, 'file'), 'x', { mode: 0o666 })
  layTree(join(sticky, 'tree'))
  mkdirSync(join(dir, 'home/own/inner'), { recursive: true })
  writeFileSync(join(dir, 'home/own/inner/file'), 'x')
  execFileSync('chown', ['-R', '65534:65534', join(dir, 'home')])
  chmodSync(join(dir, 'home/own/inner'), 0o555)
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] as const
  const home = join(dir, 'home')
  const env = { HOME: home, XDG_STATE_HOME: join(home, 'state'), XDG_CACHE_HOME: join(home, 'cache') }
  const daemon = await startDaemon(t, { wrapper: nobody, cwd: home, env })
  const cases = [
    [join(sticky, 'file'), /sticky\/file.*belongs to another user.*nothing was moved/],
    [join(sticky, 'tree'), /sticky\/tree.*belongs to another user.*nothing was moved/],
    [join(home, 'own'), /own\/inner\/file.*the directory that it is in may not be changed.*nothing was moved/],
  ] as const
  for (const [path, reason] of cases) {
    const { status, body } = await move(daemon, path, join(disk, 'x'))
    t.match({ status, reason: body.message ?? body.error }, { status: 403, reason })
  }
  chmodSync(join(home, 'own/inner'), 0o755)
  t.match(await move(daemon, join(home, 'own'), join(disk, 'x')), { status: 200 })
  t.same(readdirSync(disk), ['x'])
  t.same(readdirSync(sticky).sort(), ['file', 'tree'])
})

t.test('a source that turns out to stay gives the new name back', { skip: NO_ROOT || NO_MOUNTS }, async (t) => {
  const { dir, disk, undo, move } = await kit(t)
  const parent = join(dir, 'parent')
  mkdirSync(parent)
  writeFileSync(join(parent, 'file'), 'new')
  layTree(join(parent, 'tree'))
  writeFileSync(join(disk, 'old'), 'old')
  const before = lstatSync(join(disk, 'old')).ino
  undo.push(() => spawnSync('chattr', ['-i', parent]))
  const shut = (): void => void spawnSync('chattr', ['+i', parent])
  if (spawnSync('chattr', ['+i', parent]).status !== 0)
    return void t.pass('immutable files', { skip: 'the file system has none' })
  for (const [from, to, overwrite] of [
    ['file', 'a', false],
    ['tree', 'b', false],
    ['file', 'old', true],
  ] as const) {
    spawnSync('chattr', ['-i', parent])
    const moved = move(join(parent, from), join(disk, to), { overwrite }, shut)
    await refused(t, moved, 'forbidden', new RegExp(`parent/${from}.*nothing was moved`))
  }
  t.same(readdirSync(disk), ['old'])
  t.equal(readFileSync(join(disk, 'old'), 'utf8'), 'old')
  t.equal(lstatSync(join(disk, 'old')).ino, before)
  t.same(readdirSync(parent).sort(), ['file', 'tree'])
})

t.test('killed while an image directory is moved, one side is complete', { skip: NO_OVERLAY }, async (t) => {
  const place = ground(t)
  const FILES = 400
  const ROUNDS = 4
  const top = overlay(place, (lower) => {
    for (let round = 0; round < ROUNDS; round++) {
      mkdirSync(join(lower, `app${round}/inner`), { recursive: true })
      for (let i = 0; i < FILES; i++) writeFileSync(join(lower, `app${round}/inner/${i}`), String(i))
    }
  })
  const state = { XDG_STATE_HOME: join(place.dir, 'state') }
  const complete = (path: string): boolean =>
    existsSync(join(path, 'inner')) && readdirSync(join(path, 'inner')).length === FILES
  for (let round = 0; round < ROUNDS; round++) {
    const daemon = await startDaemon(t, { env: state })
    const [from, to] = [join(top, `app${round}`), join(top, `moved${round}`)]
    const moving = move(daemon, from, to).catch(() => undefined)
    // Round by round later: while it is copied, when it has its name, while the source goes.
    if (round > 0) {
      const enough = () => readdirSync(top).some((name) => name.startsWith(`.moved${round}.`)) || existsSync(to)
      await until('it has begun', enough)
    }
    if (round > 1) await until('the copy has its name', () => existsSync(to))
    if (round > 2) await until('the source goes', () => !complete(from))
    daemon.process.kill('SIGKILL')
    await moving
    t.ok(complete(from) || complete(to), `round ${round}: one is complete`)
    const next = await startDaemon(t, { env: state })
    await until('nothing is left over', () => readdirSync(top).every((name) => !name.endsWith('~')))
    t.ok(complete(from) || complete(to), `round ${round}: and stays so`)
    await next.stop()
  }
})

t.test(
  'without /proc files are changed by their paths, and trees are 501',
  { skip: NO_ROOT || NO_MOUNTS },
  async (t) => {
    const { dir } = ground(t)
    layTree(join(dir, 'tree'))
    const without = 'mount -t tmpfs none /proc && exec "$@"'
    const wrapper = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', without, 'sh'] as const
    const daemon = await startDaemon(t, { wrapper })
    const post = async (what: string, body: object) => (await daemon.call('POST', `/files/${what}`, body)).status
    const file = join(dir, 'a/b')
    t.equal(await post('write', { path: file, content: 'x', create_dirs: true }), 201)
    t.equal(await post('write', { path: file, content: 'y', append: true }), 201)
    t.equal(await post('chmod', { path: file, mode: '0600' }), 200)
    t.equal(await post('copy', { path: file, to: join(dir, 'copy') }), 200)
    t.equal(await post('move', { path: file, to: join(dir, 'moved') }), 200)
    t.equal(await post('delete', { path: join(dir, 'copy') }), 200)
    t.equal(await post('delete', { path: join(dir, 'tree') }), 501)
    t.equal(await post('copy', { path: join(dir, 'tree'), to: join(dir, 'other') }), 501)
    t.same(readdirSync(dir).sort(), ['a', 'moved', 'tree'])
    t.equal(readFileSync(join(dir, 'moved'), 'utf8'), 'xy')
    t.same(below(join(dir, 'tree')), TREE)
  },
)

t.test('why an entry cannot be removed', async (t) => {
  const from = { uid: 1, mode: 0o40755, flag: undefined, writable: true }
  const entry = { uid: 2, flag: undefined }
  t.equal(obstacle(from, entry, 1000), undefined)
  t.match(obstacle({ ...from, mode: 0o41777 }, entry, 1000), /sticky/)
  for (const user of [0, 1, 2]) t.equal(obstacle({ ...from, mode: 0o41777 }, entry, user), undefined, String(user))
  t.match(obstacle(from, { ...entry, flag: 'immutable' }, 0), /it is immutable/)
  t.match(obstacle({ ...from, flag: 'append-only' }, entry, 0), /directory that it is in is append-only/)
  t.match(obstacle({ ...from, writable: false }, entry, 1000), /may not be changed/)
})
