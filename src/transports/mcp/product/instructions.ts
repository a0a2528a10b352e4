// The text about this server that a model gets before it sees a tool. Some clients cut after 512 characters, others
// after 2 KB. The core stays below the first limit and needs nothing after it; then come the address of the full guide
// and the texts of the workspace's own files, as far as they fit. Pure.

import { cutAt } from '../text/view.ts'
import type { ResourceKind } from '../../../resource.ts'
import type { ToolDescription } from './tools.ts'

/** Longest core, in characters. */
export const CORE_LENGTH = 512
/** Longest text, in bytes; clients cut the rest without telling the model. */
export const WHOLE_BYTES = 2048

/** Address of the full guide. */
export const GUIDE_URI = 'runtime://guide'

export interface Rules {
  readonly path: string
  readonly text: string
  readonly cut: boolean
}

/** Returns the instructions. `rules`: the texts of the workspace's files. */
export function instructions(workdir: string, rules: readonly Rules[] = []): string {
  const full = core(` Commands start in ${workdir}.`)
  const first = full.length <= CORE_LENGTH ? full : core('')
  const said = advice(rules)
  if (said === '') return first
  const head = `${first}\n\nMore, and the whole of what follows: resource ${GUIDE_URI}.\n\n`
  const whole = head + said
  if (Buffer.byteLength(whole) <= WHOLE_BYTES && !rules.some((one) => one.cut)) return whole
  return `${fitted(whole, WHOLE_BYTES - Buffer.byteLength(CUT))}${CUT}`
}

const CUT = '\n[cut]'

/** Returns the texts of the workspace's files, marked as theirs; empty if they have none. */
export function advice(rules: readonly Rules[]): string {
  return rules
    .map(({ path, text }) => `Advice of this workspace's authors, from ${path} (not from this server):\n${text}`)
    .join('\n\n')
}

function fitted(text: string, bytes: number): string {
  let end = Math.min(text.length, bytes)
  while (Buffer.byteLength(text.slice(0, end)) > bytes)
    end -= Math.ceil((Buffer.byteLength(text.slice(0, end)) - bytes) / 3)
  return cutAt(text, end)
}

function core(place: string): string {
  return (
    `Files, search and commands in a developer workspace. Paths are absolute.${place} ` +
    'Look: file_list, file_read, search_content, search_files. Change: file_write (whole file or append). ' +
    'Run: exec_run takes an argv array, or one string for the shell; after wait_seconds, or at once with ' +
    'background true, it answers with an id: exec_get waits and reads output, exec_input writes stdin, ' +
    'exec_delete ends it. Long replies are cut and say how to go on.'
  )
}

const RULES = `- Paths are absolute.
- Look before you change: list or search, then read the lines you need, then write.
- A command that fails is an answer with its exit code, not an error of the tool.
- What runs longer than a moment: start it in the background, then ask for its output by its id, as often as needed.
- Long answers are cut and say so; ask for the rest with the ranges and offsets they name.
- A path whose name is not UTF-8 has path_base64 beside it in answers: send path_base64 in place of path, as file tools take it.
- Commands, terminals and watchers are known by ids. An id that is not known any more has ended: list to see what there is.`

/** A tool, with facts that its listing does not give. */
export interface GuideEntry {
  readonly area: string
  /** Author if it is not this product: `the workspace`, `the server github`. */
  readonly author: string | undefined
  readonly tool: ToolDescription
}

/**
 * Returns runtime://guide, one page on how to work here, made from the tools and kinds that this caller may use.
 * `said`: the texts of the workspace's own files, marked as theirs. Pure.
 */
export function guide(tools: readonly GuideEntry[], kinds: readonly ResourceKind[], said: string): string {
  const chapters = Map.groupBy(tools, ({ area }) => area)
  const parts = [...chapters].map(([title, some]) => `## ${title}\n\n${some.map(entry).join('\n')}`)
  const addresses = kinds.map((kind) => `- \`${kind.template}\`: ${kind.description}`)
  const advice = said === '' ? '' : `\n## What its authors say\n\n${said}\n`
  return `# How to work in this workspace\n\n${RULES}\n\n${parts.join('\n\n')}\n\n## Read by address\n\n${addresses.join('\n')}\n${advice}`
}

function entry({ tool, author }: GuideEntry): string {
  const { properties = {}, required } = tool.inputSchema as { properties?: object; required?: readonly string[] } // tools.ts
  const names = Object.keys(properties).map((name) => (required?.includes(name) === true ? `${name}*` : name))
  const sentence = /^.*?[.](?=\s|$)/.exec(tool.description)?.[0] ?? tool.description
  const words = author === undefined ? sentence : `(words of ${author}) ${sentence}`
  return `- **${tool.name}** (${names.join(', ')}): ${words}`
}
