// The pages for people: each link of them leads to a file and a heading that exist, each path that they name in code
// marks is in the repository, and README.md stays a front page.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '../..')

/** Bytes of README.md: what a reader takes in at one sitting. More belongs into a page of docs/. */
const FRONT_PAGE_BYTES = 9216

const PAGES = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs')).flatMap((name) => (name.endsWith('.md') ? [join('docs', name)] : [])),
]

/** Returns the text without blocks of code, whose brackets are no links. */
const prose = (text: string) => text.replaceAll(/^```[^]*?^```/gm, '')

/** Returns the anchors of a page's headings as GitHub makes them: lower case, no punctuation, hyphens for spaces. */
function anchorsOf(path: string): ReadonlySet<string> {
  const headings = prose(readFileSync(join(ROOT, path), 'utf8')).matchAll(/^#{1,6} (.*)$/gm)
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

/** Returns the links of `text`, a page at `path`, that lead nowhere. */
function brokenLinks(path: string, text: string): readonly string[] {
  const links = [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
  return links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false
    const [file = '', anchor] = link.split('#')
    const target = file === '' ? path : join(dirname(path), file)
    if (!existsSync(join(ROOT, target))) return true
    return anchor !== undefined && !anchorsOf(target).has(anchor)
  })
}

/** Returns the paths of the repository that `text` names in code marks and that do not exist. */
function missingPaths(text: string): readonly string[] {
  const named = text.matchAll(/`((?:src|test|scripts|docs|deploy)\/[\w./-]*)`/g)
  return [...named].flatMap(([, path = '']) => (existsSync(join(ROOT, path)) ? [] : [path]))
}

t.test('every link of a page leads to a file and a heading', async (t) => {
  for (const path of PAGES) t.same(brokenLinks(path, readFileSync(join(ROOT, path), 'utf8')), [], path)
  t.ok(PAGES.length > 8)
})

t.test('every path that a page names exists', async (t) => {
  for (const path of PAGES) t.same(missingPaths(readFileSync(join(ROOT, path), 'utf8')), [], path)
})

/** Returns the bare file names and the identifiers of a paragraph or row that none of the files it names has. */
function missingNames(paragraph: string): readonly string[] {
  const marked = [...paragraph.matchAll(/`([^`]+)`/g)].map(([, mark = '']) => mark)
  const paths = marked.filter((mark) => /^src\/.*\.ts$/.test(mark))
  const folders = paths.map(dirname)
  const texts = paths.map((path) => readFileSync(join(ROOT, path), 'utf8'))
  return marked.filter((mark) => {
    if (/^[\w-]+\.ts$/.test(mark)) return !folders.some((folder) => existsSync(join(ROOT, folder, mark)))
    return /^[A-Za-z]+$/.test(mark) && !texts.some((text) => new RegExp(`\\b${mark}\\b`).test(text))
  })
}

t.test('what architecture.md says of a file is in that file', async (t) => {
  const text = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8')
  const part = text.slice(text.indexOf('## The way of a request'), text.indexOf('## A new operation'))
  const rows = text.slice(text.indexOf('## Where is'), text.indexOf('## Glossary')).split('\n')
  for (const paragraph of [...part.split('\n\n'), ...rows]) t.same(missingNames(paragraph), [], paragraph.slice(0, 60))
  t.same(missingNames('`nowhere` and `serve` of `src/main.ts`, `none.ts` beside it, `serve.ts`'), [
    'nowhere',
    'none.ts',
  ])
})

t.test('the glossary has at most fifteen words', async (t) => {
  const text = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8')
  const rows = text.slice(text.indexOf('## Glossary')).match(/^\| [a-z].*\|$/gm) ?? []
  t.ok(rows.length > 5 && rows.length <= 15, `${rows.length} words`)
})

t.test('README.md is a front page', async (t) => {
  t.ok(statSync(join(ROOT, 'README.md')).size <= FRONT_PAGE_BYTES)
})

t.test('links and paths that lead nowhere are found', async (t) => {
  const text = '[a](docs/none.md) [b](docs/protocol.md#none) [c](docs/protocol.md#exec) `src/none.ts` `src/main.ts`'
  t.same(brokenLinks('README.md', text), ['docs/none.md', 'docs/protocol.md#none'])
  t.same(missingPaths(text), ['src/none.ts'])
})
