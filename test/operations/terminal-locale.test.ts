// A terminal is UTF-8, and programs in it know that, also where the daemon was started without any locale.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startDaemon } from '../support/daemon.ts'
import { until } from '../support/until.ts'

const WITHOUT = ['env', '-u', 'LANG', '-u', 'LC_ALL', '-u', 'LC_CTYPE']

/** What a terminal of a daemon with these variables shows of its locale, and of a name beyond ASCII. */
async function shows(t: Test, variables: readonly string[], env?: Readonly<Record<string, string>>): Promise<string> {
  const daemon = await startDaemon(t, { wrapper: [...WITHOUT, ...variables] })
  const folder = join(daemon.directory, 'folder')
  mkdirSync(folder)
  writeFileSync(join(folder, 'é'), '')
  const line = 'echo "<${LANG-none}> <${LC_ALL-none}> <${LC_CTYPE-none}>"; ls; echo over'
  const { body } = await daemon.call('POST', '/terminals', { command: ['sh', '-c', line], cwd: folder, env })
  let text = ''
  await until('it is over', async () => {
    text = (await daemon.call('GET', `/terminals/${body.id}/scrollback?text=true`)).body.scrollback
    return text.includes('over')
  })
  return text
}

t.test('no locale: C.UTF-8, and names are shown as they are', async (t) => {
  t.match(await shows(t, []), /^<C.UTF-8> <none> <none>\r\né\r\n/)
})

t.test('a locale of any kind stays as it is', async (t) => {
  t.match(await shows(t, ['LANG=C']), /^<C> <none> <none>\r\n/)
  t.match(await shows(t, ['LC_ALL=C']), /^<none> <C> <none>\r\n/)
  t.match(await shows(t, ['LC_CTYPE=C']), /^<none> <none> <C>\r\n/)
})

t.test('what a request says is laid on top', async (t) => {
  t.match(await shows(t, [], { LANG: 'C' }), /^<C> <none> <none>\r\n/)
})
