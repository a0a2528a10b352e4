// A search that was not meant literally: globs among names, expressions in contents, over REST and MCP.

import t from 'tap'
import { startDaemon } from '../support/daemon.ts'

t.test('names by glob, contents with a hint', async (t) => {
  const daemon = await startDaemon(t)
  const files = {
    'main.ts': 'foo and bar\n',
    'main.js': 'a.*b\n',
    src: { 'x.ts': '', deep: { 'Y.TS': '' } },
    '[id].tsx': '',
  }
  const path = t.testdir(files)
  const names = async (q: string, more = ''): Promise<string[]> =>
    (await daemon.call('GET', `/files/search/files?path=${encodeURIComponent(path)}&q=${encodeURIComponent(q)}${more}`))
      .body.files
  t.strictSame(await names('*.ts'), ['main.ts', 'src/deep/Y.TS', 'src/x.ts'])
  t.strictSame(await names('*.ts', '&case_sensitive=true'), ['main.ts', 'src/x.ts'])
  t.strictSame(await names('main.{js,ts}'), ['main.js', 'main.ts'])
  t.strictSame(await names('src/*.ts'), ['src/x.ts'])
  t.strictSame(await names('src/**/*.ts'), ['src/deep/Y.TS', 'src/x.ts'])
  t.strictSame(await names('mai?.js'), ['main.js'])
  t.strictSame(await names('[id].tsx'), ['[id].tsx'], 'a name that has the characters itself')
  t.strictSame(await names('[id'), ['[id].tsx'], 'no glob')
  t.strictSame(await names('main'), ['main.js', 'main.ts'], 'a text as ever')

  const search = async (q: string, more = '') =>
    (await daemon.call('GET', `/files/search?path=${encodeURIComponent(path)}&q=${encodeURIComponent(q)}${more}`)).body
  t.match(await search('foo.*bar'), { total_matches: 0, hint: /"foo\.\*bar" was looked for as it stands; regex: true/ })
  t.match(await search('foo.*bar', '&regex=true'), { total_matches: 1, hint: undefined })
  t.match(await search('a.*b'), { total_matches: 1, hint: undefined }, 'what was found needs no hint')
  t.match(await search('nothing here'), { total_matches: 0, hint: undefined })
  const params = { name: 'search_content', arguments: { q: '\\bfoo\\d+', path } }
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params }
  const { body } = await daemon.call('POST', '/mcp?format=text', message, { 'mcp-protocol-version': '2025-11-25' })
  t.match(body.result.content[0].text, /^0 matching lines in 0 files under .*\n\[the text .* regex: true reads it/)
})
