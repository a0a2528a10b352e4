// Changes a tree as fast as possible: `node tree-writer.ts <what> <root> <number> <seed>`. The same arguments give the
// same changes. `random` makes `number` random changes below <root>/tree, with moves to and from <root>/outside; the
// other programs are named after their changes.

import { appendFileSync, linkSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { exchange } from '../exchange.ts'
import { seeded } from '../random.ts'

const [what = '', root = '', count = '0', seed = '1'] = process.argv.slice(2)
const number = Number(count)

const NAMES = ['a', 'b', 'c', 'd', 'e']

function randomChanges(): void {
  const { next: chance, pick } = seeded(Number(seed))
  const place = () => Array.from({ length: 1 + Math.floor(chance() * 4) }, () => pick(NAMES)).join('/')
  const inside = () => join(root, 'tree', place())
  const outside = () => join(root, 'outside', pick(NAMES))
  const changes: (() => void)[] = [
    () => mkdirSync(inside(), { recursive: true }),
    () => mkdirSync(inside()),
    () => writeFileSync(inside(), String(chance())),
    () => writeFileSync(inside(), String(chance())),
    () => appendFileSync(inside(), 'more'),
    () => {
      const path = inside()
      mkdirSync(path, { recursive: true })
      writeFileSync(join(path, pick(NAMES)), String(chance()))
    },
    () => renameSync(inside(), inside()),
    () => renameSync(inside(), inside()),
    () => renameSync(inside(), outside()),
    () => renameSync(outside(), inside()),
    () => exchange(inside(), inside()),
    () => exchange(inside(), inside()),
    () => exchange(inside(), outside()),
    () => rmSync(outside(), { recursive: true }),
    () => linkSync(inside(), inside()),
    () => rmSync(inside(), { recursive: true }),
    () => rmSync(inside()),
    () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, chance() < 0.2 ? 30 : 1),
  ]
  for (let i = 0; i < number; i++) {
    try {
      pick(changes)()
    } catch {
      // there was no such path, or it was of another kind
    }
  }
}

/** Files that come and go, `many` of them; the last 100 stay. Four events each. */
function churn(many: number): void {
  for (let i = 0; i < many; i++) {
    writeFileSync(join(root, `churn-${i}`), String(i))
    if (i >= 100) rmSync(join(root, `churn-${i - 100}`))
  }
}

const PROGRAMS: Readonly<Record<string, () => void>> = {
  random: randomChanges,
  /** `number` files, and later their removal. */
  create: () => {
    for (let i = 0; i < number; i++) writeFileSync(join(root, `file-${i}`), '')
  },
  remove: () => {
    for (let i = 0; i < number; i++) rmSync(join(root, `file-${i}`))
  },
  rename: () => {
    for (let i = 0; i < number; i++) renameSync(join(root, `file-${i}`), join(root, `moved-${i}`))
  },
  /** Ten directories deep with a file in each, `number` times. */
  deep: () => {
    for (let i = 0; i < number; i++) {
      let path = join(root, `deep-${i}`)
      mkdirSync(join(path, 'b/c/d/e/f/g/h/i/j'), { recursive: true })
      for (const name of ['', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']) {
        path = join(path, name)
        writeFileSync(join(path, 'file'), '')
      }
    }
  },
  churn: () => churn(number),
  /** `number` events: many paths first, then two files in turn, which the kernel cannot take for one event. */
  storm: () => {
    churn(20_000) // 80,000 events
    const files = ['one', 'two'].map((name) => openSync(join(root, name), 'w'))
    for (let i = 80_000; i < number; i++) writeSync(files[i % 2] ?? 0, 'x', 0)
  },
}

PROGRAMS[what]?.()
