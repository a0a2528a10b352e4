// Addresses with at most one variable: turns an address into the variable's value and back. A value may come with its
// slashes plain or escaped, since clients fill a template in either way. Pure.

export interface UriTemplate {
  readonly text: string
  /** Name of the variable; undefined if the text is the only address. */
  readonly variable: string | undefined
  /** Returns the value with which the template gives this address, '' without a variable; undefined if none does. */
  valueOf(uri: string): string | undefined
  addressOf(value: string): string
}

export function uriTemplate(text: string): UriTemplate {
  const [whole = '', before = '', variable = '', after = ''] = /^([^{]*)\{(\w+)\}([^{]*)$/.exec(text) ?? []
  if (whole === '') {
    return { text, variable: undefined, valueOf: (uri) => (uri === text ? '' : undefined), addressOf: () => text }
  }
  // Only a variable at the end of the address can hold slashes.
  const slashes = after === ''
  return {
    text,
    variable,
    valueOf(uri) {
      if (uri.length <= before.length + after.length || !uri.startsWith(before) || !uri.endsWith(after))
        return undefined
      const value = unescaped(uri.slice(before.length, uri.length - after.length))
      return value === undefined || value.includes('\0') || (!slashes && value.includes('/')) ? undefined : value
    },
    addressOf(value) {
      const escaped = encodeURIComponent(value)
      return `${before}${slashes ? escaped.replaceAll('%2F', '/') : escaped}${after}`
    },
  }
}

function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined // a percent sign begins no escape
  }
}
