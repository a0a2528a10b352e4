// Makes the argv that is started out of the command of a request (protocol.md#exec). Pure: it does not look at the
// system. An array of two or more words runs as it is; one word alone may be a command line.

import { quote, refuse } from '../../base/fault.ts'
import { shellBehind, shellScript } from './shell-words.ts'

export interface CommandPlan {
  readonly argv: readonly [string, ...string[]]
  /** True if the caller does not wait for the end. */
  readonly background: boolean
  /** Index of the last word if that is a shell's script, which may be handed over as a file. */
  readonly script: number | undefined
  /** Index of that shell: other programs may stand before it (`timeout 5 bash -c …`). */
  readonly shell: number
}

const SHELL = '/bin/sh'

/** Characters that a shell would not take as part of a plain word. */
const NEEDS_SHELL = /[\s|&;<>()$`\\"'*?[\]#~=!{}]/

/** Returns the plan of a command. Takes an unknown mode for `auto`. Throws `bad_request` if no program is named. */
export function planCommand(words: readonly string[], mode: string): CommandPlan {
  const [first = '', ...rest] = words
  if (first.trim() === '' && rest.length === 0) {
    throw refuse('command', 'command is empty; accepted is a command as an array of arguments, or as one string')
  }
  const background = mode === 'background'
  const asItIs = { argv: [first, ...rest] as const, background, ...ownScript(words) }
  const line = (text: string): CommandPlan => ({ argv: [SHELL, '-c', text], background, script: 2, shell: 0 })
  if (mode === 'shell') return startsScript(words) ? asItIs : line(words.join(' '))
  if (rest.length > 0 || !NEEDS_SHELL.test(first)) return asItIs
  return mode === 'direct' ? { ...asItIs, argv: splitWords(first) } : line(first)
}

/**
 * True for `bash -lc script`, also behind `timeout 5` or `env A=1`: joined, the script would be its first word alone.
 */
function startsScript(words: readonly string[]): boolean {
  return shellScript(words.slice(shellBehind(words))) !== undefined
}

/** Returns the index of the script of `bash -lc script`, if no word follows it. */
function ownScript(words: readonly string[]): Pick<CommandPlan, 'script' | 'shell'> {
  const shell = shellBehind(words)
  const at = shell + (shellScript(words.slice(shell))?.at ?? Infinity)
  return { script: at === words.length - 1 ? at : undefined, shell }
}

/** Splits a line into words as a shell does, quotes and backslashes respected, without any expansion. */
export function splitWords(line: string): [string, ...string[]] {
  const words: string[] = []
  let word: string | undefined
  for (let i = 0; i < line.length; i++) {
    const char = line.charAt(i)
    if (/\s/.test(char)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else if (char === '"' || char === "'") {
      const quoted = quotedPart(line, i)
      word = (word ?? '') + quoted.text
      i = quoted.end
    } else if (char === '\\' && i + 1 < line.length) {
      word = (word ?? '') + line.charAt(++i)
    } else {
      word = (word ?? '') + char
    }
  }
  if (word !== undefined) words.push(word)
  const [program, ...rest] = words
  if (program === undefined || program === '')
    throw refuse('command', `command is ${quote(line)}, which names no program`)
  return [program, ...rest]
}

/** Returns the text between the quote at `start` and its partner at `end`. */
function quotedPart(line: string, start: number): { text: string; end: number } {
  const mark = line.charAt(start)
  let text = ''
  for (let i = start + 1; i < line.length; i++) {
    const char = line.charAt(i)
    if (char === mark) return { text, end: i }
    const escapes = mark === '"' && char === '\\' && /["\\$`]/.test(line.charAt(i + 1))
    text += escapes ? line.charAt(++i) : char
  }
  throw refuse(
    'command',
    `command is ${quote(line)}, in which the quote ${mark} at character ${start + 1} is never closed`,
  )
}
