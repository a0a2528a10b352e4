// The shape of the sources, read from their text: imports go one way, what only one module may touch is
// touched by that one, and every file keeps to the rules on names, length and its opening promise.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '..')

/** Longest file in lines: about 250 is the aim. */
const LONGEST = 320
const BANNED_WORDS = ['util', 'utils', 'helper', 'helpers', 'manager', 'misc', 'data', 'info']

/**
 * Who may import what, beside its own layer. `base` is what everything may use; `operation` says what one is; `top`
 * composes. An import of types alone may also go to any layer further down: types are shared, work is not.
 */
const ARROWS = {
  top: [
    'commands',
    'service',
    'config',
    'transports',
    'invoke',
    'intake',
    'catalog',
    'operation',
    'foreign',
    'operations',
    'workspace',
    'threads',
    'native',
    'base',
  ],
  commands: ['config', 'transports', 'workspace', 'native', 'base'],
  service: ['native', 'base'],
  config: ['base'],
  transports: ['invoke', 'intake', 'catalog', 'operation', 'foreign', 'base'],
  catalog: ['operations', 'operation', 'base'],
  invoke: ['intake', 'operation', 'base'],
  intake: ['operation', 'foreign', 'base'],
  operations: ['operation', 'workspace', 'base'],
  operation: ['foreign', 'base'],
  foreign: ['base'],
  workspace: ['threads', 'native', 'base'],
  threads: ['native', 'base'],
  native: ['base'],
  base: [],
} as const satisfies Record<string, readonly string[]>
type Layer = keyof typeof ARROWS
const DOWNWARD = Object.keys(ARROWS) as Layer[] // the order of the table above

/**
 * Folders of one room, and which of the others each may import, types too. `''` is the room's own folder. A folder that is
 * not named here has no place yet, and is refused.
 */
const ROOMS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  'src/workspace/files': {
    moving: ['write', 'tree', '', 'opening', 'mounts'],
    write: ['tree', '', 'opening', 'mounts'],
    tree: ['', 'opening', 'mounts'],
    read: ['', 'opening', 'mounts'],
    '': ['opening', 'mounts'],
    opening: ['mounts'],
    mounts: [],
  },
}

/** The files directly in src; a new one must be given its layer here. */
const ROOT_FILES: Readonly<Record<string, Layer>> = {
  'launch.ts': 'top',
  'main.ts': 'top',
  'serve.ts': 'top',
  'compose.ts': 'top',
  'settings.ts': 'top',
  'invoke.ts': 'invoke',
  'catalog.ts': 'catalog',
  'caller.ts': 'operation',
  'daemon.ts': 'operation',
  'operation.ts': 'operation',
  'resource.ts': 'operation',
  'schema.ts': 'operation',
  'shelf.ts': 'operation',
}

interface Import {
  readonly from: string
  readonly typesOnly: boolean
}

interface Source {
  /** From the project's root: `src/native/libc.ts`. */
  readonly path: string
  readonly text: string
  /** Without comments. */
  readonly code: string
  readonly imports: readonly Import[]
}

function filesBelow(directory: string, ending: RegExp): Source[] {
  return readdirSync(join(ROOT, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name) && !entry.parentPath.includes('/node_modules'))
    .filter((entry) => !/\/(fixtures?|tap-testdir[^/]*)(\/|$)/.test(entry.parentPath))
    .map((entry) => readSource(relative(ROOT, join(entry.parentPath, entry.name))))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

function readSource(path: string): Source {
  const text = readFileSync(join(ROOT, path), 'utf8')
  const code = text.replaceAll(/^\s*\/\*[\s\S]*?\*\//gm, '').replaceAll(/(^|\s)\/\/.*$/gm, '$1')
  return { path, text, code, imports: importsOf(code) }
}

function importsOf(code: string): Import[] {
  const declared = code.matchAll(/^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm)
  const called = code.matchAll(/\b(?:import|require|require\.resolve)\(\s*'([^']+)'/g)
  return [
    ...[...declared].map(([, type, from = '']) => ({ from, typesOnly: type !== undefined })),
    ...[...called].map(([, from = '']) => ({ from, typesOnly: false })),
  ]
}

function layerOf(path: string): Layer | undefined {
  const [, first = '', ...more] = path.split('/')
  if (more.length === 0) return ROOT_FILES[first]
  return first in ARROWS && !Object.values(ROOT_FILES).includes(first as Layer) ? (first as Layer) : undefined // a key of ARROWS
}

function wrongArrow(source: Source, { from, typesOnly }: Import): string | undefined {
  const target = join(dirname(source.path), from)
  const layer = layerOf(source.path)
  const to = layerOf(target)
  if (layer === undefined || to === undefined) return `${source.path} → ${target}: no layer is known for it`
  if (layer === to || (ARROWS[layer] as readonly Layer[]).includes(to)) return undefined
  const downward = DOWNWARD.indexOf(layer) < DOWNWARD.indexOf(to)
  if (typesOnly && downward) return undefined
  return `${source.path} (${layer}) → ${target} (${to})`
}

/** The folder of `room` that a path lies in; undefined: it lies elsewhere. */
function folderIn(room: string, path: string): string | undefined {
  if (!path.startsWith(`${room}/`)) return undefined
  const [first = '', ...more] = path.slice(room.length + 1).split('/')
  return more.length === 0 ? '' : first
}

function wrongArrowInRoom(source: Source, { from }: Import): string | undefined {
  const target = join(dirname(source.path), from)
  for (const [room, arrows] of Object.entries(ROOMS)) {
    const [own, to] = [folderIn(room, source.path), folderIn(room, target)]
    if (own === undefined || to === undefined || own === to) continue
    if (arrows[own]?.includes(to) !== true) return `${source.path} → ${target}`
  }
  return undefined
}

const sources = filesBelow('src', /\.ts$/)
const everything = [...sources, ...filesBelow('test', /\.ts$/), ...filesBelow('scripts', /\.ts$/)]

t.test('imports go one way', async (t) => {
  const wrong = sources.flatMap((source) =>
    source.imports.filter(({ from }) => from.startsWith('.')).flatMap((one) => wrongArrow(source, one) ?? []),
  )
  t.same(wrong, [])
})

t.test('the check itself finds wrong arrows', async (t) => {
  const found = (path: string, line: string) =>
    importsOf(line).flatMap((one) => wrongArrow({ path, text: line, code: line, imports: [] }, one) ?? [])
  t.equal(found('src/workspace/a.ts', "import { b } from '../operations/b.ts'").length, 1, 'upward')
  t.equal(found('src/workspace/a.ts', "import type { B } from '../transports/b.ts'").length, 1, 'upward, types')
  t.equal(found('src/transports/a.ts', "import { b } from '../workspace/b.ts'").length, 1, 'past the gate')
  t.equal(found('src/operations/a.ts', "const b = await import('../threads/b.ts')").length, 1, 'called')
  t.equal(found('src/threads/a.ts', "export {\n  b,\n} from '../workspace/b.ts'").length, 1, 'over several lines')
  t.equal(found('src/new.ts', "import './fault.ts'").length, 1, 'a file without a layer')
  t.equal(found('src/transports/a.ts', "import type { B } from '../workspace/b.ts'").length, 0, 'types of below')
})

t.test('imports go one way inside a room, from folder to folder', async (t) => {
  const wrong = sources.flatMap((source) =>
    source.imports.filter(({ from }) => from.startsWith('.')).flatMap((one) => wrongArrowInRoom(source, one) ?? []),
  )
  t.same(wrong, [])
  const folders = Object.entries(ROOMS).flatMap(([room, arrows]) =>
    sources.filter(({ path }) => !Object.hasOwn(arrows, folderIn(room, path) ?? '')).map(({ path }) => path),
  )
  t.same(folders, [], 'each folder of a room has its place in the table')
})

t.test('the check of a room finds wrong arrows', async (t) => {
  const found = (path: string, line: string) =>
    importsOf(line).flatMap((one) => wrongArrowInRoom({ path, text: line, code: line, imports: [] }, one) ?? [])
  const files = 'src/workspace/files'
  t.equal(found(`${files}/tree/a.ts`, "import { b } from '../moving/b.ts'").length, 1, 'a tree knows no moving')
  t.equal(found(`${files}/read/a.ts`, "import type { B } from '../write/b.ts'").length, 1, 'types count as well')
  t.equal(found(`${files}/mounts/a.ts`, "import { b } from '../b.ts'").length, 1, 'the folder of the room itself')
  t.equal(found(`${files}/a.ts`, "const b = await import('./tree/b.ts')").length, 1, 'called')
  t.equal(found(`${files}/new/a.ts`, "import { b } from '../mounts/b.ts'").length, 1, 'a folder without a place')
  t.equal(found(`${files}/moving/a.ts`, "import { b } from '../write/b.ts'").length, 0, 'downward')
  t.equal(found(`${files}/tree/a.ts`, "import { b } from './b.ts'").length, 0, 'in one folder')
  t.equal(found('src/workspace/exec/a.ts', "import { b } from '../files/moving/b.ts'").length, 0, 'from outside')
})

t.test('every file of src has a layer', async (t) => {
  t.same(
    sources.filter(({ path }) => layerOf(path) === undefined).map(({ path }) => path),
    [],
  )
})

t.test('configuration reaches only those who compose', async (t) => {
  const readers = sources.filter(({ imports }) => imports.some(({ from }) => /(^|\/)config\.ts$/.test(from)))
  t.same(
    readers.filter(({ path }) => layerOf(path) !== 'top').map(({ path }) => path),
    [],
  )
})

t.test('what one module may touch is touched by no other', async (t) => {
  const offenders = (allowed: readonly string[], test: (source: Source) => boolean) =>
    sources.filter((source) => !allowed.includes(source.path) && test(source)).map(({ path }) => path)
  const importing = (module: RegExp) => (source: Source) => source.imports.some(({ from }) => module.test(from))
  t.same(offenders(['src/native/koffi.ts'], importing(/^koffi/)), [], 'koffi')
  t.same(
    offenders(['src/native/koffi.ts'], ({ code }) => /\bdlopen\b/.test(code)),
    [],
    'dlopen',
  )
  t.same(offenders([], importing(/^(node:)?child_process$/)), [], 'child_process')
  t.same(
    offenders(['src/config/config.ts'], ({ code }) =>
      /\bprocess\s*(\.|\?\.|\[')env\b|\benv\b[^\n]*from 'node:process'/.test(code),
    ),
    [],
    'process.env',
  )
  t.same(
    offenders(['src/base/assets.ts'], ({ code }) => /\bnew Worker\(/.test(code)),
    [],
    'workers are started by assets.ts',
  )
})

t.test('a path goes to the system by the one door that keeps its bytes', async (t) => {
  const door = await import('../src/base/path-calls.ts')
  for (const { path, code } of sources.filter((one) => one.path.startsWith('src/workspace/files/'))) {
    for (const [, names = ''] of code.matchAll(/import \{([^}]*)\} from 'node:fs(?:\/promises)?'/g)) {
      const past = names.split(',').filter((name) => Object.hasOwn(door, name.trim()))
      // What reads our own descriptors by number is exact in any form.
      const allowed = path.endsWith('/judged-open.ts') ? ['readlinkSync'] : []
      t.strictSame(
        past.filter((name) => !allowed.includes(name.trim())),
        [],
        `${path} goes past path-calls.ts`,
      )
    }
  }
})

t.test('what the sources import is installed without the packages of the tests', async (t) => {
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { dependencies: object }
  const nameOf = (from: string): string => /^(@[^/]+\/)?[^/]+/.exec(from)?.[0] ?? from
  const foreign = sources.flatMap(({ path, imports }) =>
    imports
      .filter(({ from }) => !/^(\.|node:)/.test(from) && !Object.hasOwn(dependencies, nameOf(from)))
      .map(({ from }) => `${path}: ${from}`),
  )
  t.same(foreign, [])
})

t.test('packages: node modules by their full name, tests and scripts stay out of src', async (t) => {
  const builtin = /^(fs|path|os|http|https|net|crypto|util|stream|events|url|zlib|tty|worker_threads)(\/|$)/
  const bad = everything.flatMap(({ path, imports }) =>
    imports.filter(({ from }) => builtin.test(from)).map(({ from }) => `${path}: ${from}`),
  )
  t.same(bad, [])
  const outward = sources.flatMap(({ path, imports }) =>
    imports
      .filter(({ from }) => from.startsWith('.') && !join(dirname(path), from).startsWith('src/'))
      .map(({ from }) => `${path}: ${from}`),
  )
  t.same(outward, [])
})

t.test(`no file is longer than ${LONGEST} lines`, async (t) => {
  const long = everything.map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
  t.same(
    long
      .filter(({ path, lines }) => lines > LONGEST && path.startsWith('src/'))
      .map(({ path, lines }) => `${path}: ${lines}`),
    [],
  )
})

t.test('file names are kebab-case and say what the file is', async (t) => {
  const names = everything.map(({ path }) => path)
  t.same(
    names.filter((path) => !/^[a-z0-9/.-]+$/.test(path)),
    [],
    'kebab-case',
  )
  t.same(
    names.filter((path) => path.split(/[/.-]/).some((word) => BANNED_WORDS.includes(word))),
    [],
    'banned words',
  )
})

t.test('every file opens with its promise, in eight lines at most', async (t) => {
  const promise = (text: string) => /^(?:#![^\n]*\n)?((?:\/\/[^\n]*\n)+)/.exec(text)?.[1]?.split('\n').length ?? 0
  const wrong = everything.map(({ path, text }) => ({ path, lines: Math.max(0, promise(text) - 1) }))
  t.same(
    wrong.filter(({ lines }) => lines < 1 || lines > 8).map(({ path, lines }) => `${path}: ${lines} lines`),
    [],
  )
})
