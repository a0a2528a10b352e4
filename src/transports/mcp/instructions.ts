// What a model is told about this server before it sees a tool. Some clients cut after 512 characters, others
// after 2 KB: the core stays below the first and needs nothing that follows it; then comes
// where everything is told, then what the workspace's own files say, as far as it fits. Pure.

import { cutAt } from './text/limits.ts'

/** Longest core, in characters. */
export const CORE_LENGTH = 512
/** Longest whole, in bytes: what is behind that is cut by clients without a word. */
export const WHOLE_BYTES = 2048

/** The resource that tells all of it. */
export const GUIDE_URI = 'runtime://guide'

export interface Rules {
  readonly path: string
  readonly text: string
  readonly cut: boolean
}

/** `rules`: what the workspace's files say. */
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

/** What the workspace's files say, marked as theirs; empty where they say nothing. */
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
