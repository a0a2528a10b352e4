// The listeners of all watchers, each with a queue of text frames (protocol.md#watchers) that its owner takes when it
// can send. A queue above its mark keeps the readers' batches unacknowledged, so a listener that stalls costs
// bounded memory: the kernel's queue fills, overflows, and what was lost is told by difference (W-07).

/** Frames and bytes above which no more are asked for. */
const MARK_FRAMES = 1000
const MARK_BYTES = 512 * 1024

export interface Subscription extends Disposable {
  /** The next frame as JSON text; undefined: none now, and `readable` is called when there is one again. */
  take(): string | undefined
}

class FrameQueue implements Subscription {
  #frames: string[] = []
  #at = 0
  #bytes = 0
  #asked = false
  /** Its owner is not allowed everything. */
  readonly limited: boolean
  readonly #readable: () => void
  readonly #drained: () => void
  readonly #gone: (queue: FrameQueue) => void

  constructor(on: { limited: boolean; readable: () => void; drained: () => void; gone: (queue: FrameQueue) => void }) {
    this.limited = on.limited
    this.#readable = on.readable
    this.#drained = on.drained
    this.#gone = on.gone
  }

  get aboveMark(): boolean {
    return this.#frames.length - this.#at > MARK_FRAMES || this.#bytes > MARK_BYTES
  }

  push(frames: readonly string[]): void {
    for (const frame of frames) {
      this.#frames.push(frame)
      this.#bytes += frame.length
    }
    if (!this.#asked || frames.length === 0) return
    this.#asked = false
    this.#readable()
  }

  take(): string | undefined {
    const frame = this.#frames[this.#at]
    if (frame === undefined) {
      this.#frames = []
      this.#at = 0
      this.#asked = true
      return undefined
    }
    const above = this.aboveMark
    this.#at++
    this.#bytes -= frame.length
    if (this.#at > MARK_FRAMES) {
      this.#frames = this.#frames.slice(this.#at)
      this.#at = 0
    }
    if (above && !this.aboveMark) this.#drained()
    return frame
  }

  [Symbol.dispose](): void {
    this.#frames = []
    this.#at = 0
    this.#bytes = 0
    this.#gone(this)
  }
}

export class Audience {
  readonly #queues = new Set<FrameQueue>()
  readonly #caughtUp: () => void

  /** `caughtUp` is called when a listener may have been the last that was behind. */
  constructor(caughtUp: () => void) {
    this.#caughtUp = caughtUp
  }

  /** True while any listener has enough to take. */
  get behind(): boolean {
    for (const queue of this.#queues) if (queue.aboveMark) return true
    return false
  }

  /** A new listener, whose queue begins with `first`. */
  join(readable: () => void, first: readonly string[], limited: boolean): Subscription {
    const queue = new FrameQueue({
      limited,
      readable,
      drained: this.#caughtUp,
      gone: (left) => {
        this.#queues.delete(left)
        this.#caughtUp()
      },
    })
    this.#queues.add(queue)
    queue.push(first)
    return queue
  }

  /** `limited`: the frames that those get who are not allowed everything; the same unless given. */
  tell(frames: readonly string[], limited = frames): void {
    for (const queue of this.#queues) queue.push(queue.limited ? limited : frames)
  }
}
