// Which file systems tell of changes. On those below, changes may be made elsewhere (by the server, the host,
// another client), and inotify knows nothing of them; there the tree has to be looked at again and again.

import { statfs } from 'node:fs/promises'

/** f_type of statfs(2), from the kernel's magic.h and the sources of each. */
const SILENT: ReadonlyMap<number, string> = new Map([
  [0x6969, 'nfs'],
  [0x517b, 'smb'],
  [0xff534d42, 'cifs'],
  [0xfe534d42, 'smb2'],
  [0x01021997, '9p'],
  [0x65735546, 'fuse'], // virtiofs too
  [0x786f4256, 'vboxsf'],
  [0xbacbacbc, 'vmhgfs'],
  [0x5346414f, 'afs'],
  [0x6b414653, 'kafs'],
  [0x73757245, 'coda'],
  [0x00c36400, 'ceph'],
  [0x0bd00bd0, 'lustre'],
  [0x20030528, 'orangefs'],
  [0x7461636f, 'ocfs2'],
  [0x19830326, 'fhgfs'],
  [0x47504653, 'gpfs'],
])

/** The name of a file system that does not notify; undefined for one that does. */
export function silentType(magic: number): string | undefined {
  return SILENT.get(magic)
}

/** Whether inotify sees every change at `path`. */
export async function notifies(path: string): Promise<boolean> {
  return silentType((await statfs(path)).type) === undefined
}
