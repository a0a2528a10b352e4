// What differs from run to run, and the mark that stands for it in a snapshot: texts that this run knows (its folder,
// its ports), forms that are found in any text, and fields that are known by name. A value that has not the form of its
// rule stays as it is, and so shows as a difference. Pure.

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** Found in every text. */
const FORMS: readonly (readonly [RegExp, string])[] = [
  [/[^\s"]*[/-]rg(?=["\s]|$)/g, '<rg>'], // before <request>, whose form its name has
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, '<time>'],
  [/\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT/g, '<date>'],
  [/\b[0-9a-f]{16}-[0-9a-z]+\b/g, '<request>'],
  [/(?<=tag is \\?"?)[\w]+(-[\w]+){4}/g, '<etag>'],
  [/\b[0-9a-f]{12}-\d+-\d+\b/g, '<cursor>'],
  [/(?<="(?:id|task_id|terminal_id|watcher_id)":")\d+/g, '<id>'],
  [/(?<=\b(?:[Ww]atcher|[Tt]erminal|[Tt]ask|[Cc]ommand) \\?"?)\d+\b/g, '<id>'],
  [/\bripgrep \d+\.\d+\.\d+/g, 'ripgrep <version>'],
  // of the format `text`: how long something took, or has run
  [/(?<=\bafter )\d+(\.\d+)? s\b/g, '<duration>'],
  [/\b\d+(\.\d+)?( ?)(ms|s|min|h|d)\b(?= (CPU|ago|of)|[,;)\]]|$)/gm, '<duration>'],
]

interface FieldRule {
  readonly keys: RegExp
  /** Of the value as text. */
  readonly form: RegExp
  readonly mark: string
}

const NUMBER = /^-?\d+(\.\d+)?$/

/** Found by the name of the field. */
const FIELDS: readonly FieldRule[] = [
  // counted by the daemon, or drawn at random
  { keys: /^(id|task_id|terminal_id|watcher_id|output)$/, form: /^\d+$/, mark: '<id>' },
  { keys: /^(life)$/, form: /^[\w-]{8}$/, mark: '<life>' },
  { keys: /^(cursor|nextCursor|since)$/, form: /^[0-9a-f]+-\d+-\d+$/, mark: '<cursor>' },
  { keys: /^(etag|if-match|if-none-match)$/, form: /^(W\/)?".+"$/, mark: '<etag>' },
  // of the processes and the clock
  { keys: /^(guest_pid|pid|ppid|pgid|sid|leader)$/, form: /^\d+$/, mark: '<pid>' },
  { keys: /_ms$|_seconds_ago$|^(uptime|uptime_seconds|ts|time)$/, form: NUMBER, mark: '<duration>' },
  { keys: /^(port|got_port)$/, form: /^[2-6]\d{4}$/, mark: '<port>' },
  // of the machine
  { keys: /^(uid|gid)$/, form: /^\d+$/, mark: '<user>' },
  { keys: /^(cpus|dirs_max)$/, form: /^\d+$/, mark: '<number>' },
  { keys: /^(arch|home|shell)$/, form: /^\S+$/, mark: '<machine>' },
  // of the release
  { keys: /^(version)$/, form: /^\d+\.\d+\.\d+/, mark: '<version>' },
]

/** `known`: what this run's texts stand for, such as its folder; the longest is looked for first. */
export function maskWith(known: Readonly<Record<string, string>>): (value: unknown) => Json {
  const texts = Object.entries(known).toSorted(([a], [b]) => b.length - a.length)
  const textOf = (text: string): string => {
    let masked = text
    for (const [value, mark] of texts) masked = replaced(masked, value, mark)
    for (const [form, mark] of FORMS) masked = masked.replaceAll(form, mark)
    return masked
  }
  const walk = (value: unknown, key: string): Json => {
    if (Array.isArray(value)) return value.map((item) => walk(item, ''))
    if (typeof value === 'object' && value !== null) {
      const entries = Object.entries(value).filter(([, item]) => item !== undefined)
      return Object.fromEntries(entries.map(([name, item]) => [textOf(name), walk(item, name)]))
    }
    if (typeof value === 'string' || typeof value === 'number') {
      const rule = FIELDS.find(({ keys, form }) => keys.test(key) && form.test(String(value)))
      return rule?.mark ?? (typeof value === 'string' ? textOf(value) : value)
    }
    return typeof value === 'boolean' ? value : null
  }
  return (value) => walk(value, '')
}

/** A port is replaced only where the text around it names one: other numbers may have its digits. */
function replaced(text: string, value: string, mark: string): string {
  return /^\d+$/.test(value)
    ? text.replaceAll(new RegExp(`(?<=[:/= "]|%3A)${value}\\b`, 'g'), mark)
    : text.replaceAll(value, mark).replaceAll(encodeURIComponent(value), mark)
}

/** Each value by its type, where the machine decides it: counts, sizes, loads. */
export function typesOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(typesOf)
  if (typeof value !== 'object' || value === null) return `<${value === null ? 'null' : typeof value}>`
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => [key, typesOf(item)]),
  )
}
