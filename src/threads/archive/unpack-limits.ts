// What one archive may cost: members, bytes that come out of few, space on the disk (T-03). A limit
// is looked at before it is passed, and the refusal names it.

import { statfsSync } from 'node:fs'
import { Fault } from '../../base/fault.ts'
import { refusal } from './unpack-header.ts'
import type { UnpackLimits } from './unpack-job.ts'

/** Output after which the ratio means something. */
const RATIO_FROM = 1024 * 1024

/** The free space is asked for again after so many bytes; a larger file has it asked for itself. */
const LOOK_EVERY = 16 * 1024 * 1024

/** What an entry takes besides its content: an inode and its share of a directory. */
const ENTRY_BYTES = 4096

/** Of a small file system no more than this share is kept free, whatever `freeBytes` says. */
const MOST_SHARE = 0.25

export class Allowance {
  readonly #limits: UnpackLimits
  #members = 0
  /** What may still be written before the space is looked at again. */
  #room = 0

  constructor(limits: UnpackLimits) {
    this.#limits = limits
  }

  /** One more member. */
  member(): void {
    if (this.#members >= this.#limits.members) {
      throw refusal(`is one too many: an archive may have ${this.#limits.members} members`, 'payload_too_large')
    }
    this.#members++
  }

  /** `into` came in so far, `out` came out of that. */
  expansion(into: number, out: number): void {
    const { ratio } = this.#limits
    if (out <= RATIO_FROM || out <= into * ratio) return
    throw new Fault(
      'payload_too_large',
      `the archive unpacks to more than ${ratio} times its size: ${out} bytes out of ${into} so far`,
      { details: { limit: ratio, unit: 'times', bytes: out } },
    )
  }

  /** So many bytes are about to be written as one file on the file system in which `fd` is open. */
  space(bytes: number, fd: number): void {
    const wanted = bytes + ENTRY_BYTES
    if (wanted > this.#room) this.#look(wanted, fd)
    this.#room -= wanted
  }

  /** Somewhere else: what was known about the space is of no use. */
  elsewhere(): void {
    this.#room = 0
  }

  #look(wanted: number, fd: number): void {
    const { bavail, bsize, blocks } = statfsSync(`/proc/self/fd/${fd}`)
    if (blocks === 0) {
      this.#room = Math.max(LOOK_EVERY, wanted) // a file system that does not count
      return
    }
    const { freeShare, freeBytes } = this.#limits
    const total = blocks * bsize
    const kept = Math.min(Math.max(total * freeShare, freeBytes), total * MOST_SHARE)
    const free = bavail * bsize
    if (wanted > free - kept) {
      const needs = `needs ${wanted} bytes where ${free} are free, of which ${Math.ceil(kept)} are kept free`
      throw refusal(needs, 'insufficient_storage', { needed: wanted, free, kept: Math.ceil(kept), unit: 'bytes' })
    }
    this.#room = Math.max(wanted, Math.min(LOOK_EVERY, free - kept))
  }
}
