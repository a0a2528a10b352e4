// How long a result in the format `text` may be. Clients cut at 25,000 tokens or write what is longer to a
// file, and a model reads what it is given: so less, and the exact call for the rest.

/** Characters of one result, marks and hints included. */
export const RESULT_CHARACTERS = 40_000
/** Characters of one line; minified files and logs have lines of megabytes. */
export const LINE_CHARACTERS = 2_000
/** What a renderer leaves for its status line and its hints. */
export const HINT_CHARACTERS = 1_500

/** Less the first half of a surrogate pair whose second half was cut off. */
export function cutAt(text: string, length: number): string {
  const last = text.charCodeAt(length - 1)
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length)
}

/** 1234567 as "1,234,567". */
export function grouped(count: number): string {
  return count.toLocaleString('en-US')
}

/** "1 line", "2 lines". */
export function counted(count: number, one: string): string {
  return `${grouped(count)} ${one}${count === 1 ? '' : 's'}`
}
