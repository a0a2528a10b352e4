// What came under one name, each value by itself: of several Node's `headers` keep the first or join them, and its
// `headersDistinct` sort all the others too. Pure.

/** The values in their order; `name` is lower case. */
export function valuesOf(rawHeaders: readonly string[], name: string): readonly string[] {
  const values: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const one = rawHeaders[at]
    if (one?.length === name.length && one.toLowerCase() === name) values.push(rawHeaders[at + 1] ?? '')
  }
  return values
}
