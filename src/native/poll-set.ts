// Descriptors to wait for with poll(2), in memory that is used again for each wait: the loop of a thread that
// waits thousands of times a second. Entries are numbered in the order in which they are added.

import { constants } from 'node:os'
import { lastErrno, libc, POLLFD, systemError } from './libc.ts'

const poll = libc.func('int poll(void *fds, unsigned long count, int timeout)')

const FIRST_ENTRIES = 16

export class PollSet {
  #entries = Buffer.alloc(FIRST_ENTRIES * POLLFD.bytes)
  #count = 0

  clear(): void {
    this.#count = 0
  }

  /** No events: the descriptor is passed over, hang-ups included. Returns the entry's number. */
  add(fd: number, events: number): number {
    const at = this.#count * POLLFD.bytes
    if (at === this.#entries.byteLength) {
      this.#entries = Buffer.concat([this.#entries], this.#entries.byteLength * 2)
    }
    this.#entries.writeInt32LE(events === 0 ? -1 : fd, at + POLLFD.fd)
    this.#entries.writeInt16LE(events, at + POLLFD.events)
    this.#entries.writeInt16LE(0, at + POLLFD.revents)
    return this.#count++
  }

  /** Waits until an entry has something to report; -1 ms: as long as it takes. A signal ends the wait early. */
  wait(ms: number): void {
    if (poll(this.#entries, this.#count, ms) === -1 && lastErrno() !== constants.errno.EINTR) {
      throw systemError('poll', lastErrno())
    }
  }

  /** What the entry had to report after the wait: 0 for nothing. */
  reported(entry: number): number {
    return this.#entries.readInt16LE(entry * POLLFD.bytes + POLLFD.revents)
  }
}
