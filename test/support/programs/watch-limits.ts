// Watches with low limits of inotify (W-05): `node watch-limits.ts <directory>`, in a new user namespace, so that the
// limits of other processes stay. Prints the results as one line of JSON.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { watcherFrame } from '../../../src/transports/socket/frames.ts'
import { openWatchers } from '../../../src/workspace/watchers/watchers.ts'
import { until } from '../until.ts'

const root = process.argv[2] ?? ''
const { signal } = new AbortController()
const limit = (name: string, value: number) => writeFileSync(`/proc/sys/user/max_inotify_${name}`, String(value))
const tell = (error: unknown) =>
  error instanceof Error ? { code: 'code' in error ? error.code : undefined, message: error.message } : { code: 'none' }

await using watchers = openWatchers({ limit: 10 })
const frames: { type: string; watcher_id: string; path?: string; message?: string; resync?: boolean }[] = []
using listener = watchers.subscribe(take)
take()

function take(): void {
  for (let event = listener.take(); event !== undefined; event = listener.take()) {
    frames.push(JSON.parse(watcherFrame(event)) as (typeof frames)[number]) // our own frames
  }
}

const watch = (path: string) => watchers.create({ root: path, excludes: [], defaultExcludes: true }, signal)
const small = join(root, 'small')
const large = join(root, 'large')
mkdirSync(small)
for (let i = 0; i < 1000; i++) mkdirSync(join(large, String(i)), { recursive: true })

limit('watches', 100)
const first = await watch(small)
const tooMany = await watch(large).catch(tell)
writeFileSync(join(small, 'still-heard'), '')
await until('the other watcher is unharmed', () => frames.some(({ path }) => path === join(small, 'still-heard')))

// A limit reached in a watched tree is announced and shown; the rest is watched once there is room.
for (let i = 0; i < 150; i++) mkdirSync(join(small, String(i)))
await until('what is not watched is announced', () => frames.some(({ type }) => type === 'overflow'))
const announced = frames.find(({ type }) => type === 'overflow')?.message
const { problem } = watchers.get(first.id).coverage
limit('watches', 10_000)
writeFileSync(join(small, '149/unheard'), '')
await until('it is watched in the end', () => frames.some(({ path }) => path === join(small, '149/unheard')))
await until('and said to be', () => frames.some(({ resync }) => resync === true))
const after = watchers.get(first.id).coverage

limit('instances', 1)
const noInstance = await watch(large).catch(tell)
rmSync(small, { recursive: true })
console.log(JSON.stringify({ tooMany, announced, problem, after, noInstance }))
