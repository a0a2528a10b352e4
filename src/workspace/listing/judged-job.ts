// A walk for a caller that is not allowed everything: its root is opened and judged here, and the walker's thread
// walks what is open, not what the path leads to by then.

import type { FileHandle } from 'node:fs/promises'
import type { Job } from '../../threads/walk/walk-job.ts'
import type { Access } from '../files/access.ts'
import { faultOfPath } from '../files/missing-path.ts'

/** The caller closes `root` once the walk is over. */
export async function judgedJob(job: Job, access: Access): Promise<{ readonly job: Job; readonly root: FileHandle }> {
  const root = await opened(job.path, access)
  try {
    if (job.kind === 'hash') return { job: { ...job, fd: root.fd }, root }
    const judged = { fd: root.fd, ...(await access.leftOut()) }
    return { job: { ...job, rules: { ...job.rules, judged } }, root }
  } catch (error) {
    await root.close()
    throw error
  }
}

async function opened(path: string, access: Access): Promise<FileHandle> {
  try {
    return await access.open(path)
  } catch (error) {
    throw await faultOfPath(error, path)
  }
}
