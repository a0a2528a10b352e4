// What a daemon that is killed in the middle of a move to another file system leaves (F-21).

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startDaemon } from '../support/daemon.ts'
import { until } from '../support/until.ts'

/** A directory on another device than the test's own, or why there is none. */
function elsewhere(): string | undefined {
  return ['/dev/shm', '/run/shm', '/var/tmp'].find(
    (path) => existsSync(path) && statSync(path).dev !== statSync(tmpdir()).dev,
  )
}

async function shelter(t: Test, parent: string): Promise<string> {
  const directory = await mkdtemp(join(parent, 'move-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** Of a row that needs it; the row asks for ten thousand files. */
const FILES = 10_000

t.test(
  'F-21 killed while a directory moves to another file system: source or destination is complete',
  { skip: elsewhere() === undefined && 'no second file system to write to' },
  async (t) => {
    const far = await shelter(t, elsewhere() ?? '')
    const near = await shelter(t, tmpdir())
    const state = await shelter(t, tmpdir())
    const source = join(near, 'tree')
    for (let i = 0; i < 100; i++) mkdirSync(join(source, `d${i}`), { recursive: true })
    for (let i = 0; i < FILES; i++) writeFileSync(join(source, `d${i % 100}`, `f${i}`), `content ${i}`)
    const complete = (root: string) =>
      existsSync(root) &&
      readdirSync(root).reduce((sum, name) => sum + readdirSync(join(root, name)).length, 0) === FILES &&
      readFileSync(join(root, 'd99', `f${FILES - 1}`), 'utf8') === `content ${FILES - 1}`
    let [from, to] = [source, join(far, 'tree')]
    const stagedIn = (directory: string) => readdirSync(directory).filter((name) => name.endsWith('~'))
    // Not durable: that is about power, not about kills, and waits for everybody's disk.
    const options = { env: { XDG_STATE_HOME: state }, config: { files: { durable: false } } }
    // Killed at the beginning, in the middle, and while the old one goes.
    for (const moment of ['staged', 'filled', 'named'] as const) {
      const daemon = await startDaemon(t, options)
      const moving = daemon.call('POST', '/files/move', { path: from, to }).catch(() => undefined)
      await until(`it is ${moment}`, () => {
        if (moment === 'named') return existsSync(to)
        const [staged] = stagedIn(join(to, '..'))
        if (staged === undefined) return false
        return moment === 'staged' || readdirSync(join(to, '..', staged)).length > 40
      })
      await daemon.stop('SIGKILL')
      await moving
      t.ok(complete(from) || complete(to), `${moment}: one of them is complete`)
      const again = await startDaemon(t, options)
      await until('nothing is left over', () => stagedIn(near).length + stagedIn(far).length === 0)
      await again.stop()
      t.strictSame(
        readdirSync(join(state, 'workspace-runtime')).filter((name) => name.startsWith('writes-')),
        [],
      )
      if (!existsSync(from)) [from, to] = [to, from]
      else if (existsSync(to)) await rm(from, { recursive: true })
    }
    t.ok(complete(existsSync(from) ? from : to))
  },
)
