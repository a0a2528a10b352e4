// What the search operations make of their input, and what search_init says.

import t from 'tap'
import { readInput } from '../../src/intake/intake.ts'
import type { Call, Operation } from '../../src/operation.ts'
import { contentQuery, searchContent, searchInit } from '../../src/operations/search.ts'
import type { SearchStatus } from '../../src/workspace/search/content-search.ts'

const op = searchContent as unknown as Operation

function query(asked: Record<string, unknown>) {
  const { input } = readInput(op, asked, { unknown: 'refuse' })
  return contentQuery(input as Parameters<typeof contentQuery>[0])
}

t.test('defaults', async (t) => {
  t.strictSame(query({ query: 'x' }), {
    pattern: 'x',
    path: '/',
    caseSensitive: false,
    regex: false,
    wholeWord: false,
    maxResults: 100,
    timeoutSeconds: 10,
    contextLines: 0,
    fileTypes: [],
    includeHidden: false,
    ignoreRules: true,
    ignorePatterns: [],
  })
})

t.test('tolerant readings', async (t) => {
  t.strictSame(query({ q: 'x', file_types: '.go, *.js,py,.' }).fileTypes, ['go', 'js', 'py'])
  t.strictSame(query({ q: 'x', ignore_patterns: ['a,b', '*.{c,d}'] }).ignorePatterns, ['a,b', '*.{c,d}'])
  t.equal(query({ q: 'x', use_gitignore: 'false' }).ignoreRules, false)
  t.equal(query({ q: 'x', no_gitignore: '1', use_gitignore: true }).ignoreRules, false)
  t.match(query({ q: 'x', max_results: '7', timeout: '0.5', context_lines: '2' }), {
    maxResults: 7,
    timeoutSeconds: 0.5,
    contextLines: 2,
  })
})

t.test('bad input names the field', async (t) => {
  const bad: readonly (readonly [Record<string, unknown>, RegExp])[] = [
    [{}, /^q is missing \(also taken: query\)/],
    [{ q: '' }, /^q is "".*1 to 1000 characters/],
    [{ q: 'x'.repeat(1001) }, /^q is a string of 1001 characters/],
    [{ q: 'x', path: '~/x' }, /^path is "~\/x"/],
    [{ q: 'x', max_results: 0 }, /^max_results is 0; accepted is an integer from 1 to 10000/],
    [{ q: 'x', timeout: 61 }, /^timeout is 61/],
    [{ q: 'x', context_lines: 11 }, /^context_lines is 11/],
    [{ q: 'x', ignore_patterns: ['!x'] }, /^ignore_patterns: "!x"/],
    [{ q: 'a\nb' }, /^q contains a line break/],
  ]
  for (const [asked, message] of bad) t.throws(() => query(asked), { code: 'bad_request', message })
})

t.test('search_init reports, and with install looks again', async (t) => {
  const asked: (boolean | undefined)[] = []
  const state: SearchStatus = { installed: true, path: '/rg', version: 'ripgrep 15.0.0', engine: 'ripgrep' }
  const status = async (fresh?: boolean) => {
    asked.push(fresh)
    return state
  }
  // The rest of a call means nothing to this operation.
  const call = { workspace: { search: { status } } } as unknown as Call
  t.strictSame(await searchInit.run({ install: true }, call), state)
  t.strictSame(await searchInit.run({ install: false }, call), state)
  t.strictSame(asked, [true, false])
  t.strictSame(
    searchInit.routes.map(({ method, fixed }) => [method, fixed]),
    [
      ['GET', { install: false }],
      ['POST', { install: true }],
    ],
  )
})
