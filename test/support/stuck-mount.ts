// A FUSE file system whose server is the test. It answers nothing, or only the first looks at its root; other calls
// into it hang until the test ends them.

import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, read, writeSync } from 'node:fs'
import { join } from 'node:path'
import { NO_MOUNTS, type Ground } from './mounting.ts'

export interface StuckMount {
  readonly point: string
  /** Ends the server: all who wait get an error. */
  readonly letGo: () => void
}

/** Reason to skip a test that needs one. */
export const NO_STUCK_MOUNTS: string | false =
  NO_MOUNTS === false && !existsSync('/dev/fuse') ? 'no FUSE in this kernel' : NO_MOUNTS

export function stuckMount({ dir, undo }: Ground, name = 'stuck'): StuckMount {
  return { point: join(dir, name), letGo: mounted(dir, name, undo).close }
}

/** Its root is a directory that may be looked at `times` times; from then on it answers nothing. */
export function fadingMount({ dir, undo }: Ground, times: number): StuckMount {
  const device = mounted(dir, 'fading', undo)
  serve(device.fd, times)
  return { point: join(dir, 'fading'), letGo: device.close }
}

function mounted(dir: string, name: string, undo: Ground['undo']): { fd: number; close: () => void } {
  const point = join(dir, name)
  mkdirSync(point, { recursive: true })
  const fd = openSync('/dev/fuse', 'r+')
  let open = true
  const close = (): void => {
    spawnSync('umount', ['-f', '-l', point])
    if (open) closeSync(fd)
    open = false
  }
  const options = 'fd=3,rootmode=40000,user_id=0,group_id=0'
  // -i: no program of FUSE's own, which may not be installed; the kernel needs none.
  const stdio = ['ignore', 'ignore', 'ignore', fd] as const
  undo.push(close)
  const { status } = spawnSync('mount', ['-i', '-t', 'fuse', '-o', options, name, point], { stdio: [...stdio] })
  if (status !== 0) throw new Error(`${point} cannot be mounted: ${status}`)
  return { fd, close }
}

/** Of <linux/fuse.h>. */
const GETATTR = 3
const INIT = 26
const ACCESS = 34

function serve(fd: number, times: number): void {
  // Above max_write: the kernel refuses to fill a smaller one (EINVAL), and nothing would ever be answered.
  const request = Buffer.alloc(256 * 1024)
  let left = times
  const next = (): void =>
    read(fd, request, 0, request.length, null, (error) => {
      if (error !== null) return
      const code = request.readUInt32LE(4)
      if (code === ACCESS && left-- <= 0) return
      writeSync(fd, reply(request.readBigUInt64LE(8), code))
      next()
    })
  next()
}

function reply(unique: bigint, code: number): Buffer {
  const body = code === INIT ? initOut() : code === GETATTR ? attributesOut() : Buffer.alloc(0)
  const known = code === INIT || code === GETATTR || code === ACCESS
  const head = Buffer.alloc(16)
  head.writeUInt32LE(16 + body.length, 0)
  head.writeInt32LE(known ? 0 : -38, 4) // ENOSYS
  head.writeBigUInt64LE(unique, 8)
  return Buffer.concat([head, body])
}

function initOut(): Buffer {
  const out = Buffer.alloc(64)
  out.writeUInt32LE(7, 0)
  out.writeUInt32LE(31, 4)
  out.writeUInt32LE(128 * 1024, 20) // max_write
  return out
}

function attributesOut(): Buffer {
  const out = Buffer.alloc(16 + 88)
  out.writeBigUInt64LE(1n, 16)
  out.writeUInt32LE(0o40755, 16 + 60)
  out.writeUInt32LE(2, 16 + 64)
  return out
}
