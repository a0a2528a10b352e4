// Long lists in pages. A cursor holds the number of entries before it and the last of them, so that a list which grows
// or shrinks between two pages goes on at the same entry. Pure.

export interface Page<T> {
  readonly items: readonly T[]
  readonly nextCursor?: string
}

/** Entries of one page. */
export const PAGE = 100

/** Returns the page after `cursor`; undefined if that is no cursor of ours. */
export function pageOf<T>(
  all: readonly T[],
  keyOf: (item: T) => string,
  cursor: string | undefined,
): Page<T> | undefined {
  const start = cursor === undefined ? 0 : placeOf(all, keyOf, cursor)
  if (start === undefined) return undefined
  const items = all.slice(start, start + PAGE)
  const last = items.at(-1)
  const end = start + items.length
  return last !== undefined && end < all.length ? { items, nextCursor: encode(end, keyOf(last)) } : { items }
}

function placeOf<T>(all: readonly T[], keyOf: (item: T) => string, cursor: string): number | undefined {
  const [, digits, last = ''] = /^(\d{1,9}):([^]*)$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? []
  if (digits === undefined) return undefined
  const count = Number(digits)
  const before = all[count - 1]
  if (before !== undefined && keyOf(before) === last) return count
  const moved = all.findIndex((item) => keyOf(item) === last)
  return moved < 0 ? Math.min(count, all.length) : moved + 1
}

function encode(count: number, last: string): string {
  return Buffer.from(`${count}:${last}`).toString('base64url')
}
