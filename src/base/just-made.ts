// Whether an opened directory is the one that was made a moment ago, rather than one that another user has put in its
// place: only then does it get other permissions. Pure.

export interface Making {
  /** Permission bits that it was made with, before the umask. */
  readonly mode: number
  /** Milliseconds since 1970, before it was made. */
  readonly began: number
}

/** How far the clock of a file system may be behind: it ticks every few milliseconds. */
const TICK_MS = 2000

/**
 * 'no': it is of another user (file systems without owners keep the permissions that they gave), or allows what was not
 * asked for. 'empty': only if nothing is in it, since it is older or the file system does not keep when it was born.
 */
export function isJustMade(
  found: { readonly uid: number; readonly mode: number; readonly birthtimeMs: number },
  { mode, began }: Making,
): 'yes' | 'empty' | 'no' {
  if (found.uid !== process.geteuid?.() || (found.mode & 0o1777 & ~mode) !== 0) return 'no'
  return found.birthtimeMs >= began - TICK_MS ? 'yes' : 'empty'
}
