// The four operations on watchers: replies flat and nested at once, and the polling twin.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Call } from '../../src/operation.ts'
import { watcherCreate, watcherDelete, watcherGet, watcherList } from '../../src/operations/watchers.ts'
import { EVERYTHING } from '../../src/workspace/files/opening/access.ts'
import { never, scratch, watchersOf } from '../support/account.ts'

const defaults = { excludes: [], default_excludes: true, wait_seconds: 0 }

t.test('create, list, get, poll, delete', async (t) => {
  const root = scratch(t)
  // all that the operations use
  const call = { workspace: { watchers: watchersOf(t) }, signal: never, access: EVERYTHING } as unknown as Call
  const created = await watcherCreate.run({ ...defaults, path: root, excludes: ['*.log'] }, call)
  const flat = { id: '1', root, path: root, dirs: 1, dir_count: 1, excludes: ['*.log'], active: true, recursive: true }
  t.match(created, { ...flat, mode: 'inotify', default_excludes: true, watcher: { ...flat, mode: 'inotify' } })
  t.match(await watcherList.run({}, call), { watchers: [flat] })
  const got = (await watcherGet.run({ id: '1', wait_seconds: 0 }, call)) as { cursor: string }
  t.match(got, { ...flat, watcher: flat, changes: undefined })
  writeFileSync(join(root, 'f'), 'x')
  const polled = await watcherGet.run({ id: '1', since: got.cursor, wait_seconds: 10 }, call)
  t.match(polled, { ...flat, count: 1, more: false, resync: undefined })
  const stale = await watcherGet.run({ id: '1', since: '0123456789ab-1-0', wait_seconds: 10 }, call)
  t.match(stale, { resync: true, reason: 'restarted', count: 0 })
  t.same(await watcherDelete.run({ id: '1' }, call), { id: '1', watcher_id: '1' })
  await t.rejects(async () => watcherGet.run({ id: '1', wait_seconds: 0 }, call), { code: 'not_found' })
})

t.test('what models read is short enough', async (t) => {
  for (const { tool, name } of [watcherCreate, watcherList, watcherGet, watcherDelete]) {
    t.ok((tool?.description.length ?? 0) < 600, name)
  }
})
