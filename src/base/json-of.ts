// JSON that is fit for a line of an event stream: U+2028 and U+2029 stand as escapes. They are no line breaks there,
// but several clients take them for some (modelcontextprotocol/typescript-sdk#1926) and lose the event. The value is
// the same, so all JSON that leaves is made here. Pure.

const SEPARATORS = /[\u2028\u2029]/g

/** As JSON.stringify, of what is not undefined. */
export function jsonOf(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null'
  return text.search(SEPARATORS) === -1
    ? text
    : text.replace(SEPARATORS, (one) => (one === '\u2028' ? '\\u2028' : '\\u2029'))
}

/** The inside of a JSON string, to be put together with more of it. */
export function jsonInside(text: string): string {
  return jsonOf(text).slice(1, -1)
}
