// Prompts from the files of a folder. `review.md` is the prompt "review", and each `{{name}}` in it is a required
// argument. A head between two lines `---` may give a title and a description. The daemon reads the file at each
// request, so an edited file is at once the new prompt.

import { mayUse, type Caller } from '../../../caller.ts'
import { badParams } from '../protocol/json-rpc.ts'
import type { PromptDescription, PromptOffer } from '../protocol/registry.ts'

/** Files that are read at most, in the order of their names. */
export const MOST_PROMPTS = 200
/** File names of prompts; the prompt's name is the file's without its ending. */
const FILE = /^([A-Za-z0-9][\w.-]{0,63})\.(?:md|txt)$/

interface PromptFile extends PromptDescription {
  readonly text: string
}

/** Folder of prompts, and a reader of its files. */
export interface PromptSource {
  /** Absolute path of the folder. */
  readonly folder: string
  /** Returns the files whose names `accepts` accepts, at most `most`, by name; files too long are left out. */
  files(accepts: (name: string) => boolean, most: number): Promise<readonly { name: string; text: string }[]>
}

/** Returns the prompts of `source`; undefined: none. Prompts are files: a caller that may not read files has none. */
export function openPrompts(source: PromptSource | undefined): PromptOffer {
  const all = async (caller: Caller): Promise<readonly PromptFile[]> =>
    source === undefined || !mayUse(caller, 'files:read') ? [] : await readFolder(source)
  return {
    async list({ caller }) {
      return (await all(caller)).map(({ text: _, ...description }) => description)
    },
    async get(name, args, { caller }) {
      const prompt = (await all(caller)).find((one) => one.name === name)
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

async function readFolder(source: PromptSource): Promise<readonly PromptFile[]> {
  const prompts: PromptFile[] = []
  for (const { name: entry, text } of await source.files((name) => FILE.test(name), MOST_PROMPTS)) {
    const name = FILE.exec(entry)?.[1] ?? ''
    if (!prompts.some((one) => one.name === name)) prompts.push(promptOf(name, text))
  }
  return prompts
}

/** Reads a prompt from the text of its file. Exported for its test. */
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
