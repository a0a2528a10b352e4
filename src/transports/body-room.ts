// The memory that the bodies of requests may take while they are read and worked on (protocol.md#limits). A byte counts
// once it has arrived, not when it is announced. Short bodies have a separate room, so that slow long ones never keep a
// small call out, and no credential gets more than half of either room. `using room = new BodyRoom(caller.id)` is what
// one request takes.

import { Fault } from '../base/fault.ts'

/** Bodies up to this length are short. */
export const SHORT_BYTES = 256 * 1024

/** Bytes that all long bodies may take together while they are buffered. */
const LONG_ROOM_BYTES = 128 * 1024 * 1024

/** Bytes that all short bodies may take together; one that finds no place goes to the room of the long ones. */
const SHORT_ROOM_BYTES = 64 * 1024 * 1024

class Room {
  readonly size: number
  readonly #shares = new Map<string, number>()
  #taken = 0

  constructor(size: number) {
    this.size = size
  }

  /** Takes the bytes; returns false, and takes none, if the room or the owner's share of it is used up. */
  take(owner: string, bytes: number, share: number): boolean {
    const own = (this.#shares.get(owner) ?? 0) + bytes
    if (own > share || this.#taken + bytes > this.size) return false
    this.#shares.set(owner, own)
    this.#taken += bytes
    return true
  }

  giveBack(owner: string, bytes: number): void {
    const left = (this.#shares.get(owner) ?? 0) - bytes
    if (left > 0) this.#shares.set(owner, left)
    else this.#shares.delete(owner)
    this.#taken -= bytes
  }
}

const short = new Room(SHORT_ROOM_BYTES)
const long = new Room(LONG_ROOM_BYTES)

/**
 * The part of the rooms that one request's body takes. Held until the request has been worked on, not only while the
 * body comes in: parsing is slower than receiving, and waiting bodies take memory as well.
 */
export class BodyRoom implements Disposable {
  readonly #owner: string
  #room = short
  #bytes = 0
  #most = 0

  /** `owner`: the credential, by its id. */
  constructor(owner: string) {
    this.#owner = owner
  }

  /** Called before the first byte: the announced length, 0 if there is none, and the most that this body may have. */
  expect(announced: number, most: number): void {
    if (announced > SHORT_BYTES) this.#room = long
    this.#most = most
  }

  /** Counts bytes that have arrived; throws unavailable if there is no room for them. */
  take(bytes: number): void {
    if (this.#room === short) {
      const fits = this.#bytes + bytes <= SHORT_BYTES && short.take(this.#owner, bytes, SHORT_ROOM_BYTES / 2)
      if (fits) {
        this.#bytes += bytes
        return
      }
      short.giveBack(this.#owner, this.#bytes)
      this.#room = long
      const before = this.#bytes
      this.#bytes = 0
      this.#takeLong(before)
    }
    this.#takeLong(bytes)
  }

  [Symbol.dispose](): void {
    this.#room.giveBack(this.#owner, this.#bytes)
    this.#bytes = 0
  }

  #takeLong(bytes: number): void {
    // An operator who allows longer bodies than half of the room means that one of them fits.
    const share = Math.min(LONG_ROOM_BYTES, Math.max(LONG_ROOM_BYTES / 2, this.#most))
    if (!long.take(this.#owner, bytes, share)) throw crowded(share)
    this.#bytes += bytes
  }
}

function crowded(share: number): Fault {
  return new Fault(
    'unavailable',
    `there is no room for this body now: those being received may take ${LONG_ROOM_BYTES} bytes together and ${share} of one credential; try again`,
    { details: { limit: share, unit: 'bytes' }, retryAfter: 1 },
  )
}
