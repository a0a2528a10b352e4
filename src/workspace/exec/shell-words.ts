// Tells whether a command is a shell that gets its script as a word (`bash -eo pipefail -c …`), and which word that is.
// Reads options as shells do: flags may be written together, an `o` or `O` among them takes the next word, in order,
// and the script is the first word behind all options, wherever `c` stood. Pure.

interface ShellScript {
  /** Index of the script. */
  readonly at: number
  /** Words before it, without the flag that says a script follows: the words that the shell takes before a file. */
  readonly before: readonly string[]
}

/** Rules by which a family of shells reads its options. */
interface OptionRules {
  /** Flags that take the next word as their value. */
  readonly valued: string
  /** True if a value may be written right behind its flag (`-opipefail`), and then takes no word. */
  readonly attached: boolean
  /** Long options that take the next word. */
  readonly long: ReadonlySet<string>
  /** True if long options may have one dash only (`-norc`). */
  readonly singleDash: boolean
}

const NONE: ReadonlySet<string> = new Set()
const BASH: OptionRules = { valued: 'oO', attached: false, long: new Set(['rcfile', 'init-file']), singleDash: true }
const DASH: OptionRules = { valued: 'o', attached: false, long: NONE, singleDash: false }
const ZSH: OptionRules = { valued: 'o', attached: true, long: new Set(['emulate']), singleDash: false }
const KSH: OptionRules = { valued: 'oR', attached: true, long: NONE, singleDash: false }
const CSH: OptionRules = { valued: '', attached: false, long: NONE, singleDash: false }
const FISH: OptionRules = {
  valued: 'CdDofp',
  attached: true,
  long: new Set(['init-command', 'debug', 'debug-output', 'features', 'profile', 'profile-startup']),
  singleDash: false,
}

/** Rules by the shell's name. A map, because a program may be named `constructor`. */
const RULES: ReadonlyMap<string, OptionRules> = new Map(Object.entries({
  sh: BASH, bash: BASH, rbash: BASH, dash: DASH, ash: DASH, hush: DASH, yash: DASH, zsh: ZSH, rzsh: ZSH, ksh: KSH,
  rksh: KSH, ksh93: KSH, mksh: KSH, lksh: KSH, oksh: KSH, pdksh: KSH, csh: CSH, tcsh: CSH, fish: FISH,
})) // prettier-ignore

/** Programs that are a shell if their first word names one. */
const BOXES = new Set(['busybox', 'toybox'])

/** Long options that bash knows by one dash as well. */
const BASH_LONG = new Set(
  (
    'debug debugger dump-po-strings dump-strings help init-file login noediting noprofile norc posix pretty-print ' +
    'rcfile restricted verbose version wordexp'
  ).split(' '),
)

/** Programs that start the program named by their words, in the same directory and as the same user. */
const WRAPPERS = new Set('env timeout nice nohup setsid stdbuf time ionice chrt taskset'.split(' '))

/** Returns the index of the shell that stands behind wrappers; 0 if there is none. */
export function shellBehind(words: readonly string[]): number {
  if (!WRAPPERS.has(nameOf(words[0]))) return 0
  const at = words.findIndex((word) => RULES.has(withoutVersion(nameOf(word))) || BOXES.has(nameOf(word)))
  return Math.max(at, 0)
}

/** Returns undefined for anything but a shell with its script. */
export function shellScript(words: readonly string[]): ShellScript | undefined {
  const first = nameOf(words[0])
  const boxed = BOXES.has(first)
  const rules = RULES.get(boxed ? nameOf(words[1]) : withoutVersion(first))
  if (rules === undefined) return undefined
  const before = words.slice(0, boxed ? 2 : 1)
  let scripted = false
  let at = before.length
  while (at < words.length) {
    const word = words[at] ?? ''
    if (word === '--' || word === '-') {
      before.push(word)
      at++
      break
    }
    if (!/^[-+]./.test(word)) break
    const option = longOption(word, rules) ?? flags(word, rules)
    scripted ||= option.scripted
    if (option.left !== undefined) before.push(option.left)
    before.push(...words.slice(at + 1, at + 1 + option.values))
    at += 1 + option.values
  }
  return scripted && at < words.length ? { at, before } : undefined
}

interface ShellOption {
  /** True if it says that a script follows. */
  readonly scripted: boolean
  /** The word without that flag; undefined if nothing is left. */
  readonly left: string | undefined
  /** Number of words behind it that are its values. */
  readonly values: number
}

function longOption(word: string, { long, singleDash }: OptionRules): ShellOption | undefined {
  const name = /^--(.+)$/.exec(word)?.[1] ?? (singleDash && BASH_LONG.has(word.slice(1)) ? word.slice(1) : undefined)
  return name === undefined ? undefined : { scripted: false, left: word, values: long.has(name) ? 1 : 0 }
}

function flags(word: string, { valued, attached }: OptionRules): ShellOption {
  let values = 0
  let left = word.charAt(0)
  for (let i = 1; i < word.length; i++) {
    const flag = word.charAt(i)
    if (valued.includes(flag)) {
      if (attached && i + 1 < word.length) return optionOf(word, left + word.slice(i), 0)
      values++
    }
    if (flag !== 'c') left += flag
  }
  return optionOf(word, left, values)
}

const optionOf = (word: string, left: string, values: number): ShellOption => ({
  scripted: left !== word,
  left: left.length > 1 ? left : undefined,
  values,
})

function nameOf(word = ''): string {
  return word.slice(word.lastIndexOf('/') + 1)
}

/** `bash5.2`, `zsh-5.9`; ksh93 is a name. */
function withoutVersion(name: string): string {
  return RULES.has(name) ? name : name.replace(/-?\d+(?:\.\d+)*$/, '')
}
