// runtime://guide: one page on how to work here, made from the catalogue as this caller sees it, so that it
// names nothing that cannot be used. Pure.

import type { ResourceKind } from '../../resource.ts'
import { areaOf } from '../areas.ts'
import type { ToolDescription } from './tool-listing.ts'

const RULES = `- Paths are absolute.
- Look before you change: list or search, then read the lines you need, then write.
- A command that fails is an answer with its exit code, not an error of the tool.
- What runs longer than a moment: start it in the background, then ask for its output by its id, as often as needed.
- Long answers are cut and say so; ask for the rest with the ranges and offsets they name.
- A path whose name is not UTF-8 has path_base64 beside it in answers: send path_base64 in place of path, as file tools take it.
- Commands, terminals and watchers are known by ids. An id that is not known any more has ended: list to see what there is.`

/** `said`: what the workspace's own files say, marked as theirs. */
export function guide(tools: readonly ToolDescription[], kinds: readonly ResourceKind[], said: string): string {
  const chapters = new Map<string, ToolDescription[]>()
  for (const tool of tools) {
    const chapter = areaOf(tool.name)
    chapters.set(chapter, [...(chapters.get(chapter) ?? []), tool])
  }
  const parts = [...chapters].map(([title, some]) => `## ${title}\n\n${some.map(entry).join('\n')}`)
  const addresses = kinds.map((kind) => `- \`${kind.template}\`: ${kind.description}`)
  const advice = said === '' ? '' : `\n## What its authors say\n\n${said}\n`
  return `# How to work in this workspace\n\n${RULES}\n\n${parts.join('\n\n')}\n\n## Read by address\n\n${addresses.join('\n')}\n${advice}`
}

function entry(tool: ToolDescription): string {
  const { properties, required } = tool.inputSchema as { properties: object; required?: readonly string[] } // tool-listing.ts
  const names = Object.keys(properties).map((name) => (required?.includes(name) === true ? `${name}*` : name))
  const sentence = /^.*?[.](?=\s|$)/.exec(tool.description)?.[0] ?? tool.description
  return `- **${tool.name}** (${names.join(', ')}): ${sentence}`
}
