// What comments and documents cite is there: a document of docs/ or of the root, a heading of it, a row of
// docs/guarantees.md. A citation that cannot be looked up gives no reason, and cannot be checked when the code changes.

import { readdirSync, readFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '../..')
const PLACES = ['src', 'test', 'scripts', 'deploy', 'docs']
const TEXTS = /\.(?:ts|mjs|js|sh|md|service|socket|ya?ml)$/
/** Names of files that are not ours: examples, and files of the workspaces that we serve. */
const EXAMPLES = new Set(['review.md', 'AGENTS.md', 'CLAUDE.md'])
/** Ids that a test makes up; this file, which spells what it refuses. */
const EXEMPT = new Set(['test/scripts/tap-results.test.ts', 'test/docs/citations.test.ts'])

/** Spellings of documents that are not in the repository. */
const ELSEWHERE =
  /contract,? (?:section |row )?\d|contract\.md|reliability,? (?:[A-Z]-\d\d|row|section|\d)|design,? (?:section )?\d|(?:design|mcp|faults|decisions|house)\.md|house rules? \d|\(issues? [\d"]|\bissue "/i

interface Line {
  readonly path: string
  readonly number: number
  readonly text: string
}

function filesOf(): readonly string[] {
  const below = PLACES.flatMap((place) =>
    readdirSync(join(ROOT, place), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && TEXTS.test(entry.name))
      .map((entry) => relative(ROOT, join(entry.parentPath, entry.name))),
  )
  const top = readdirSync(ROOT).filter((name) => TEXTS.test(name))
  return [...below, ...top].filter(
    (path) => !/(?:^|\/)(?:node_modules|licences|\.tap)\//.test(path) && !EXEMPT.has(path),
  )
}

/** Of a document every line, of code its comments. */
function citing({ path, text }: Line): string {
  if (!/\.(?:ts|mjs|js)$/.test(path)) return text
  return /^\s*(?:\/\/|\/?\*)/.test(text) ? text : (/(?:^|\s)\/\/ (.*)$/.exec(text)?.[1] ?? '')
}

/** As GitHub makes it: lower case, without punctuation, hyphens for spaces. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')
}

const documents = new Map(
  [...readdirSync(ROOT), ...readdirSync(join(ROOT, 'docs')).map((name) => join('docs', name))]
    .filter((path) => path.endsWith('.md'))
    .map((path) => {
      const headings = readFileSync(join(ROOT, path), 'utf8').matchAll(/^#{1,6} (.*)$/gm)
      return [basename(path), new Set([...headings].map(([, heading = '']) => anchorOf(heading)))] as const
    }),
)
const rows = new Set(
  [...readFileSync(join(ROOT, 'docs/guarantees.md'), 'utf8').matchAll(/^\| ([A-Z]-\d{2}) /gm)].map(([, id]) => id),
)
const lines: readonly Line[] = filesOf().flatMap((path) =>
  readFileSync(join(ROOT, path), 'utf8')
    .split('\n')
    .map((text, at) => ({ path, number: at + 1, text })),
)

/** What of `line` cannot be looked up. */
function unresolved(line: Line): readonly string[] {
  const text = citing(line)
  const named = [...text.matchAll(/(?<![\w*.}-])([\w-]+\.md)\b(?:#([\w-]+))?/g)].flatMap(
    ([whole, name = '', anchor]) => {
      const headings = documents.get(name)
      if (headings === undefined) return EXAMPLES.has(name) ? [] : [`${name}, which neither docs/ nor the root has`]
      return anchor === undefined || headings.has(anchor) ? [] : [`${whole}, a heading that it has not`]
    },
  )
  const ids = [...text.matchAll(/(?<![\w-])[A-Z]-\d{2}(?![\w-])/g)]
    .filter(([id]) => !rows.has(id))
    .map(([id]) => `${id}, which docs/guarantees.md has not`)
  return [...named, ...ids]
}

t.test('every citation can be looked up', async (t) => {
  for (const line of lines) {
    for (const what of unresolved(line)) t.fail(`${line.path}:${line.number} cites ${what}`)
  }
  t.ok(documents.get('protocol.md')?.has('exec'), 'headings were found')
  t.ok(rows.size > 100, 'rows were found')
})

t.test('no document is cited that is not here', async (t) => {
  for (const { path, number, text } of lines) {
    if (ELSEWHERE.test(text)) t.fail(`${path}:${number} cites what is not in the repository: ${text.trim()}`)
  }
  t.ok(lines.length > 10_000, 'lines were read')
})

t.test('what must fail fails', async (t) => {
  const line = (text: string): Line => ({ path: 'src/x.ts', number: 1, text: `// ${text}` })
  t.same(unresolved(line('protocol.md#exec, F-06, README.md, docs/bench.md')), [])
  for (const text of ['protocol.md#nowhere', 'wire.md#exec', 'a row Z-99'])
    t.equal(unresolved(line(text)).length, 1, text)
  for (const text of [
    'contract 16',
    'Contract, section 3',
    'design 3',
    'reliability X-01',
    'mcp.md 4.3',
    'house rule 3',
  ]) {
    t.match(text, ELSEWHERE)
  }
})
