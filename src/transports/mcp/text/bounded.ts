// Arguments that ask for more than a result in the format `text` can show: brought down to what it can, so that
// nothing is collected, rendered and parsed only to be cut. Pure.

type Arguments = Readonly<Record<string, unknown>>

/** `most`: by field; only numbers, and strings that are numbers, count. */
export function bounded(asked: Arguments, most: Readonly<Record<string, number>> = {}): Arguments {
  const over = Object.entries(most).filter(([field, limit]) => {
    const value = Object.hasOwn(asked, field) ? asked[field] : undefined
    return (typeof value === 'number' || typeof value === 'string') && Number(value) > limit
  })
  return over.length === 0 ? asked : { ...asked, ...Object.fromEntries(over) }
}
