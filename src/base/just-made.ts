// Tells if an opened directory is the one that we made a moment ago, rather than one that another user has put in its
// place: only then does the caller change its permissions. Pure.

export interface Making {
  /** Permission bits that it was made with, before the umask. */
  readonly mode: number
  /** Time before it was made, in milliseconds since 1970. */
  readonly began: number
}

/** Milliseconds that the clock of a file system may be behind: it ticks every few milliseconds. */
const TICK_MS = 2000

/**
 * Returns 'no' if the directory has another owner (file systems without owners keep the permissions that they gave), or
 * permissions that we did not ask for. 'empty': only if it is empty: it is older, or the file system keeps no time of
 * birth.
 */
export function isJustMade(
  found: { readonly uid: number; readonly mode: number; readonly birthtimeMs: number },
  { mode, began }: Making,
): 'yes' | 'empty' | 'no' {
  if (found.uid !== process.geteuid?.() || (found.mode & 0o1777 & ~mode) !== 0) return 'no'
  return found.birthtimeMs >= began - TICK_MS ? 'yes' : 'empty'
}
