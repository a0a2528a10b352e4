// Files, searches, terminals, changes and failures for a model.

import t from 'tap'
import { Fault } from '../../../../src/base/fault.ts'
import { bounded, type Body, type Subject, type View } from '../../../../src/transports/mcp/text/view.ts'
import { failureText, fitJson } from '../../../../src/transports/mcp/text/text-result.ts'
import { fileView, deletedView, writtenView } from '../../../../src/transports/mcp/text/file.ts'
import { screenView } from '../../../../src/transports/mcp/text/screen.ts'
import { matchesView, pathsView } from '../../../../src/transports/mcp/text/search.ts'

const shown = (view: (subject: Subject) => View, body: Body, asked: Body = {}): string => {
  const block = view({ body, asked, more: 'more' }).content[0]
  return block?.type === 'text' ? block.text : ''
}

t.test('a table of files', async (t) => {
  const path = '/a/b.ts'
  const whole = { path, content: '1\tone\n2\ttwo\n', size: 8, lines: 2, total_lines: 2 }
  const table: [Body, Body, string][] = [
    [whole, {}, '/a/b.ts: 2 lines, 8 bytes.\n1\tone\n2\ttwo'],
    [
      { ...whole, size: 1234567, total_lines: 5000, next_line: 3 },
      {},
      '/a/b.ts: lines 1-2 of 5,000, 1,234,567 bytes in all.\n1\tone\n2\ttwo\n[4,998 more lines: more {"path":"/a/b.ts","start_line":3}]',
    ],
    [
      { ...whole, total_lines: undefined, size: 99999999999, next_line: 3, lossy: true },
      { end_line: 40 },
      '/a/b.ts: lines 1-2, 99,999,999,999 bytes in all. It is not UTF-8: do not write it back from here.\n1\tone\n2\ttwo\n[more lines: more {"path":"/a/b.ts","start_line":3,"end_line":40}]',
    ],
    [{ path, content: '', size: 0, lines: 0, total_lines: 0 }, {}, '/a/b.ts: empty.'],
    [
      { path, content: '', size: 8, lines: 0, start_line: 9, end_line: 8, total_lines: 2 },
      {},
      '/a/b.ts: 2 lines, 8 bytes; nothing at line 9.',
    ],
    [
      { path, content: '', size: 1500, lines: 0, binary: true, media_type: 'application/zip' },
      {},
      '/a/b.ts: application/zip, 1,500 bytes; not text.',
    ],
    [
      { path, content: '', size: 9000000, lines: 0, binary: true, media_type: 'image/png' },
      {},
      '/a/b.ts: image/png, 9,000,000 bytes; not text. It is too large to be shown as an image.',
    ],
    [{ path, content: 'AAAA', size: 3, encoding: 'base64' }, {}, '/a/b.ts: 3 bytes in all, as base64.\nAAAA'],
  ]
  for (const [body, asked, text] of table) t.equal(shown(fileView, body, asked), text)
  const image = fileView({
    body: { path, content: 'iVBO', size: 3, encoding: 'base64', binary: true, media_type: 'image/png' },
    asked: {},
    more: 'more',
  })
  t.strictSame(image.content, [
    { type: 'text', text: '/a/b.ts: image/png, 3 bytes.' },
    { type: 'image', data: 'iVBO', mimeType: 'image/png' },
  ])
})

t.test('a long file stops at a line and says where it goes on; a long line is cut', async (t) => {
  const content = Array.from({ length: 9000 }, (_, i) => `${i + 11}\tline\n`).join('')
  const text = shown(fileView, { path: '/f', content, size: 1, start_line: 11, total_lines: 20_000, next_line: 9011 })
  t.ok(text.length <= 40_000)
  const [, next = ''] = /"start_line":(\d+)\}\]$/.exec(text) ?? []
  t.match(text, `${Number(next) - 1}\tline\n[`)
  t.match(text, `/f: lines 11-${Number(next) - 1} of 20,000`)
  const minified = shown(fileView, { path: '/f', content: `1\t${'x'.repeat(50_000)}`, size: 50_000, total_lines: 1 })
  t.match(minified, /x… \[line cut\]$/)
})

t.test('search results, as grep shows them', async (t) => {
  const results = {
    'src/a.ts': [
      { line: 3, text: 'const a = 1', before: ['one', 'two'], after: ['four'] },
      { line: 9, text: '\x1b[1ma' },
    ],
    'b.txt': [{ line: 1, text: 'a' }],
  }
  const body = { query: 'a', path: '/app', results, matches: [], total_matches: 3, total_files: 2, capped: false }
  t.equal(
    shown(matchesView, body),
    '3 matching lines in 2 files under /app.\nsrc/a.ts\n1-one\n2-two\n3:const a = 1\n4-four\n9:a\nb.txt\n1:a',
  )
  t.match(
    shown(matchesView, { ...body, capped: true, warnings: ['x: unreadable'] }),
    /raise max_results\]\n\[x: unreadable\]$/,
  )
  const many = Object.fromEntries(
    Array.from({ length: 900 }, (_, i) => [`f${i}`, [{ line: 1, text: 'y'.repeat(100) }]]),
  )
  const long = shown(matchesView, { ...body, results: many, total_matches: 900, total_files: 900 })
  t.ok(long.length <= 40_000)
  t.match(long, /\[cut: \d+ of 900 files shown in full; narrow path or file_types\]$/)
  t.equal(shown(pathsView, { path: '/', files: ['a', 'b/c'], total_files: 2 }), '2 files under /.\na\nb/c')
  t.match(shown(pathsView, { path: '/', files: ['a'], total_files: 1, truncated: true }), /\[there are more/)
  const names = Array.from({ length: 5000 }, (_, i) => `directory/file-${i}`)
  t.match(
    shown(pathsView, { path: '/', files: names, total_files: 5000 }),
    /\[cut: \d+ shown; .*max_results.* shows all in shorter parts\]$/,
  )
})

t.test('terminals: clean lines, the newest, the next call', async (t) => {
  const body = { scrollback: '\x1b[32m$ \x1b[0mls\r\na\r\n', encoding: 'text', alive: true, exit_code: 0 }
  const place = { from: 0, to: 18, next: 18, gap_bytes: 0 }
  t.equal(
    shown(screenView, { ...body, ...place }, { id: '3' }),
    'The terminal is alive. Bytes 0-18 of what it printed:\n$ ls\na\n[what follows: more {"id":"3","from":18,"wait_seconds":20}]',
  )
  t.match(shown(screenView, { ...body, ...place, alive: false, exit_code: 2 }), /^The terminal has ended with code 2\./)
  const scrollback = Array.from({ length: 9000 }, (_, i) => `line ${i}\r\n`).join('')
  const long = shown(screenView, { ...body, ...place, scrollback, next: scrollback.length })
  t.ok(long.length <= 40_000 && long.includes('line 8999'))
  const [, begin = ''] = /Bytes (\d+)-/.exec(long) ?? []
  t.match(scrollback.slice(Number(begin)), new RegExp(`^${/^line \d+$/m.exec(long)?.[0] ?? ''}\r`))
})

t.test('changes', async (t) => {
  t.equal(shown(writtenView, { path: '/a', size: 1 }), 'Written: /a, now 1 byte.')
  t.match(shown(writtenView, { path: '/a', size: 5, atomic: false }), /5 bytes\. It was written in place/)
  t.equal(shown(deletedView, { path: '/a' }), 'Deleted: /a.')
})

t.test('failures: what failed, what to do', async (t) => {
  const table: [Fault, string][] = [
    [
      new Fault('not_found', 'path "/a/b" does not exist', { details: { path: '/a/b' } }),
      'Path "/a/b" does not exist. file_list {"path":"/a"} shows what is there.',
    ],
    [
      new Fault('not_found', 'path "/a/b" does not exist. Did you mean "/a/c"?', {
        details: { path: '/a/b', nearest: '/a/c' },
      }),
      'Path "/a/b" does not exist. Call again with "/a/c".',
    ],
    [new Fault('bad_request', 'x is 1; accepted is 2'), 'X is 1; accepted is 2. Change that argument and call again.'],
    [new Fault('unavailable', 'no', { retryAfter: 5 }), 'No. Call again in 5 s.'],
  ]
  for (const [fault, text] of table) t.equal(failureText(fault), text)
})

t.test('structured results are cut at the end of their longest list', async (t) => {
  const entries = Array.from({ length: 2000 }, (_, i) => ({ path: `/some/directory/file-${i}` }))
  const short = { success: true, entries: entries.slice(0, 5), count: 5 }
  t.equal(fitJson(short), short)
  const cut = fitJson({ success: true, entries, count: 2000, tags: ['a'] })
  t.ok(JSON.stringify(cut).length <= 40_000)
  const kept = cut['entries'] as unknown[]
  t.match(cut, { count: 2000, truncated: true, left_out: 2000 - kept.length, tags: ['a'] })
  t.ok(kept.length > 500)
  const tree = fitJson({
    entries: [
      {
        path: '/a',
        children: [
          { path: '/a/b', children: entries },
          { path: '/a/z', children: entries },
        ],
      },
      { path: '/z' },
    ],
  })
  t.ok(JSON.stringify(tree).length <= 40_000)
  const [first] = tree['entries'] as { path: string; children: { path: string; children: unknown[] }[] }[]
  const shownHere = first?.children[0]?.children.length ?? 0
  t.ok(shownHere > 500, 'a directory that is too large is shown in part')
  t.equal(tree['left_out'], 2000 - shownHere + 2001 + 1)
  const both = fitJson({ a: entries, b: entries })
  t.ok(JSON.stringify(both).length <= 40_000)
})

t.test('arguments are brought down to what can be shown', async (t) => {
  const most = { limit: 100 }
  const table: [Record<string, unknown>, Record<string, unknown>][] = [
    [{ limit: 5 }, { limit: 5 }],
    [
      { limit: 500, path: '/' },
      { limit: 100, path: '/' },
    ],
    [{ limit: '500' }, { limit: 100 }],
    [{ limit: 'many' }, { limit: 'many' }],
    [{ limit: [500] }, { limit: [500] }],
    [{}, {}],
  ]
  for (const [asked, wanted] of table) t.strictSame(bounded(asked, most), wanted)
  const asked = { limit: 500 }
  t.equal(bounded(asked), asked)
})
