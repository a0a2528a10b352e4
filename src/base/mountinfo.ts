// The mounts that /proc/self/mountinfo lists (proc(5)), oldest first: `parseMounts(text)`. Pure. A field has the form
// of the text that it came in: latin1 (one character a byte), or text of ours (bytes-text.ts).

export interface Mount {
  /** The kernel's number of this mount, also in /proc/self/fdinfo/<n>. */
  readonly id: string
  /** `major:minor` of the file system. */
  readonly device: string
  /** Part of the file system that is mounted: "/" unless it is a bind mount of a directory. */
  readonly root: string
  readonly point: string
  /** Type of the file system: "ext4", "proc" …; empty if the line has none. */
  readonly type: string
  /** Source as the file system names it: a device, `server:/path` … */
  readonly source: string
  /** Options of the file system, comma-separated, escapes included. */
  readonly options: string
}

export function parseMounts(mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [id, , device, root, point] = line.split(' ')
    if (id === undefined || device === undefined || root === undefined || point === undefined) return []
    const [, type = '', source = '', options = ''] = / - (\S+)(?: (\S+))?(?: (\S+))?/.exec(line) ?? []
    return [{ id, device, root: unescapeMount(root), point: unescapeMount(point), type, source, options }]
  })
}

/** Returns a field with its octal escapes resolved: blanks, tabs, line feeds and backslashes are written so. */
export function unescapeMount(field: string): string {
  return field.replaceAll(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)))
}

/** Returns the device as `st_dev` has it (makedev(3)). */
export function deviceOf({ device }: Pick<Mount, 'device'>): bigint {
  const [major = 0n, minor = 0n] = device.split(':').map(BigInt)
  return ((major & ~0xfffn) << 32n) | ((major & 0xfffn) << 8n) | ((minor & ~0xffn) << 12n) | (minor & 0xffn)
}
