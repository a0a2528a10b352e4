// Prompts from the files of a folder: `review.md` is the prompt "review", and each `{{name}}` in it is an
// argument that must be given. Between two lines `---` at its beginning a file may say its title and
// description. Read anew each time, so that a file that is edited is the prompt as it now is.

import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { badParams } from './errors.ts'
import type { PromptDescription, PromptShelf } from './registry.ts'

/** Files that are looked at, in the order of their names. */
export const MOST_PROMPTS = 200
/** Longer files are no prompts. */
const LONGEST = 64 * 1024
/** Prompts are named by their file without its ending. */
const FILE = /^([A-Za-z0-9][\w.-]{0,63})\.(?:md|txt)$/

interface PromptFile extends PromptDescription {
  readonly text: string
}

/** `folder` undefined: there are none. */
export function openPrompts(folder: string | undefined): PromptShelf {
  const all = async (): Promise<readonly PromptFile[]> => (folder === undefined ? [] : await readFolder(folder))
  return {
    async list() {
      return (await all()).map(({ text: _, ...description }) => description)
    },
    async get(name, args) {
      const prompt = (await all()).find((one) => one.name === name)
      if (prompt === undefined) return undefined
      const missing = (prompt.arguments ?? []).filter((one) => args[one.name] === undefined)
      if (missing.length > 0) {
        return badParams(`the prompt ${name} needs ${missing.map((one) => JSON.stringify(one.name)).join(', ')}`)
      }
      const text = prompt.text.replaceAll(PLACE, (_, word: string) => args[word] ?? '')
      const { description } = prompt
      const messages = [{ role: 'user', content: { type: 'text', text } }]
      return { result: { ...(description !== undefined && { description }), messages } }
    },
    complete: () => Promise.resolve([]),
  }
}

const PLACE = /\{\{\s*([A-Za-z_]\w{0,63})\s*\}\}/g

async function readFolder(folder: string): Promise<readonly PromptFile[]> {
  const entries = await readdir(folder).catch(() => []) // a folder that is gone has no prompts
  const names = entries.filter((entry) => FILE.test(entry)).toSorted()
  const prompts: PromptFile[] = []
  for (const entry of names.slice(0, MOST_PROMPTS)) {
    const name = FILE.exec(entry)?.[1] ?? ''
    const text = await readShort(join(folder, entry))
    if (text !== undefined && !prompts.some((one) => one.name === name)) prompts.push(promptOf(name, text))
  }
  return prompts
}

async function readShort(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path)
    return size > LONGEST ? undefined : await readFile(path, 'utf8')
  } catch {
    return undefined // gone since the folder was read, or not ours to read
  }
}

/** Exported for its test. */
export function promptOf(name: string, file: string): PromptFile {
  const [head = '', fields = ''] = /^---\r?\n([^]*?\r?\n)?---\r?\n/.exec(file) ?? []
  const text = file.slice(head.length)
  const field = (key: string): string | undefined =>
    new RegExp(`^${key}:[ \\t]*(\\S.*?)[ \\t]*\\r?$`, 'm').exec(fields)?.[1]?.replace(/^(["'])(.*)\1$/, '$2')
  const words = [...new Set([...text.matchAll(PLACE)].map(([, word = '']) => word))]
  const title = field('title')
  const description = field('description') ?? firstLine(text)
  return {
    name,
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
    ...(words.length > 0 && { arguments: words.map((word) => ({ name: word, required: true })) }),
    text,
  }
}

function firstLine(text: string): string | undefined {
  return /^[#\s]*(\S.{0,199})/m.exec(text)?.[1]?.trim()
}
