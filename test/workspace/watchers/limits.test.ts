// The system's limits on watching: the refusal names the sysctl, other watchers go on, and a partly watched tree is
// announced. The test lowers the limits in a user namespace, so that no other process meets them.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { scratch } from '../../support/account.ts'

const NO_NAMESPACE: string | false =
  spawnSync('unshare', ['-Ur', 'sh', '-c', 'echo 100 > /proc/sys/user/max_inotify_watches']).status === 0
    ? false
    : 'no user namespaces here'

t.test('W-05 max_user_watches and max_user_instances are used up', { skip: NO_NAMESPACE }, async (t) => {
  const program = join(import.meta.dirname, '../../support/programs/watch-limits.ts')
  const args = ['-Ur', process.execPath, program, scratch(t)]
  const { stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8', timeout: 600_000 })
  t.match(
    JSON.parse(stdout || 'null'),
    {
      tooMany: { code: 'unavailable', message: /fs\.inotify\.max_user_watches/ },
      announced: /part of the tree is not watched: .*fs\.inotify\.max_user_watches/,
      problem: /fs\.inotify\.max_user_watches/,
      after: { dirs: 151 },
      noInstance: { code: 'unavailable', message: /fs\.inotify\.max_user_instances/ },
    },
    stderr,
  )
})
