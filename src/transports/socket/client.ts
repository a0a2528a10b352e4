// One connected client: a channel for each terminal, its watcher frames, and the pump that sends both in turns while
// the connection takes them (protocol.md#websocket). Disposing the client detaches it from every terminal; terminals
// and watchers live on (protocol.md#websocket, protocol.md#terminals).

import type { WebSocket } from 'ws'
import { Fault } from '../../base/fault.ts'
import type { Log } from '../../base/log.ts'
import {
  Channel,
  type Outgoing,
  type FramePool,
  type LiveTerminal,
  type LiveTerminals,
  type LiveWatchers,
  type WatcherEvents,
} from './channel.ts'
import { errorFrame, readBinary, readText, watcherFrame, type Command, type Named } from './frames.ts'
import { openLiveness, type Liveness, openMinuteBudget, openPongs } from './liveness.ts'
import { EXPIRY_GRACE_MS } from '../patience.ts'
import { FROM_BIRTH, type SocketOptions } from './options.ts'

/** Bytes in a connection's buffer at which the pump pauses: later frames cannot overtake those in the buffer. */
const HIGH_WATER_BYTES = 128 * 1024
/** Bytes sent in one go before other clients and requests have their turn. */
const TURN_BYTES = 512 * 1024
/** Bytes of watcher frames that go first in each round: limited, so that a flood of them starves no terminal. */
const WATCH_TURN_BYTES = 16 * 1024
/** Refused frames a minute before the socket is closed: a client that errs in a loop must not keep us busy. */
const ERRORS_A_MINUTE = 100

export interface ClientParts {
  readonly socket: WebSocket
  readonly options: SocketOptions
  /** Undefined if the credential does not allow terminals. */
  readonly terminals: LiveTerminals | undefined
  /** Undefined if the credential does not allow watchers. */
  readonly watchers: LiveWatchers | undefined
  /** Epoch milliseconds at which the credential expires; undefined: never. */
  readonly expiresAt: number | undefined
  readonly pool: FramePool
  readonly log: Log
  /** Called once, when the daemon no longer serves the client. */
  readonly onGone: () => void
}

export class Client implements Disposable {
  readonly #socket: WebSocket
  readonly #parts: ClientParts
  readonly #channels = new Map<number, Channel>()
  /** New terminals by id, until the channel of the id's old terminal has ended. */
  readonly #successors = new Map<number, LiveTerminal>()
  /** Channels that may have something to send, in the order of their turns. */
  readonly #ready = new Set<Channel>()
  readonly #watch: WatcherEvents | undefined
  readonly #liveness: Liveness
  readonly #tooManyErrors = openMinuteBudget(ERRORS_A_MINUTE)
  #watchLeft = WATCH_TURN_BYTES
  #scheduled = false
  /** True while the connection's buffer is full; the next completed write schedules the pump. */
  #full = false
  #gone = false

  constructor(parts: ClientParts) {
    const { socket } = parts
    this.#socket = socket
    this.#parts = parts
    this.#liveness = openLiveness(socket)
    this.#watch = parts.watchers?.subscribe(() => this.#schedule())
    this.#schedule() // the queue may have events already; it calls only after it was empty
    const answerPing = openPongs(socket, () => this.close(1008, 'too many pings'))
    socket.on('error', () => undefined) // `close` follows and ends the client
    socket.on('close', () => this[Symbol.dispose]())
    socket.on('ping', (payload) => {
      this.#liveness.heard()
      answerPing(payload)
    })
    socket.on('pong', (payload) => this.#liveness.ponged(payload))
    socket.on('message', (frame: Buffer, binary) => {
      this.#liveness.heard()
      if (!this.#gone) this.#receive(frame, binary)
    })
  }

  /** False once either side has sent a close frame. */
  get isOpen(): boolean {
    return !this.#gone && this.#socket.readyState === this.#socket.OPEN
  }

  get mode(): SocketOptions['mode'] {
    return this.#parts.options.mode
  }

  /** Sends the terminal's past and future output, up to its exit. */
  attach(terminal: LiveTerminal, since = this.#parts.options.since.get(terminal.id)): void {
    const old = this.#channels.get(terminal.id)
    if (old !== undefined && !old.ended) {
      this.#successors.set(terminal.id, terminal)
      return
    }
    const wake = (): void => {
      this.#ready.add(channel)
      this.#schedule()
    }
    const { acks } = this.#parts.options
    // `wake` runs in a microtask: `channel` is set by then.
    const channel: Channel = new Channel(terminal, { acks, since, wake: () => queueMicrotask(wake) })
    this.#channels.set(terminal.id, channel)
    wake()
  }

  /** Counts a tick of the hub's clock. Closes an expired, dead or stalled client. */
  tick(): void {
    const { expiresAt } = this.#parts
    if (expiresAt !== undefined && Date.now() > expiresAt + EXPIRY_GRACE_MS) this.close(4401, 'the credential expired')
    const unacknowledged = Math.max(0, ...this.#channels.values().map((channel) => channel.tick()))
    const due = this.#liveness.tick(unacknowledged)
    if (due === undefined) return
    const unread = this.#socket.bufferedAmount > 0
    this.close(1013, due === 'dead' ? 'no ping was answered for 45 s' : 'nothing was taken for 60 s')
    if (due === 'dead' && !unread) this.#socket.terminate() // otherwise the close frame waits behind unread bytes
  }

  /** Sends the reason and frees everything at once. The connection ends when the client answers, or a while later. */
  close(code: number, reason: string): void {
    if (!this.#gone) this.#parts.log.debug('socket_closed', { code, reason })
    this.#socket.close(code, reason)
    this[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    if (this.#gone) return
    this.#gone = true
    this.#watch?.[Symbol.dispose]()
    for (const channel of this.#channels.values()) channel[Symbol.dispose]()
    this.#channels.clear()
    this.#ready.clear()
    this.#successors.clear()
    this.#parts.onGone()
  }

  #receive(frame: Buffer, binary: boolean): void {
    const command = binary ? readBinary(frame) : readText(frame)
    if (command.type === 'refused') {
      this.#refuse(command)
      return
    }
    try {
      this.#run(command)
    } catch (error) {
      this.#refuseFor(error, command)
    }
  }

  #run(command: Command): void {
    const { terminals } = this.#parts
    if (terminals === undefined) throw new Fault('forbidden', 'this credential does not allow terminals')
    if (command.type === 'close') {
      // A failed close is reported when it is known; all other failures are reported at once.
      terminals.delete(command.id).catch((error: unknown) => this.#refuseFor(error, command))
      return
    }
    const channel = this.#channels.get(command.id)
    if (channel === undefined) throw new Fault('not_found', `there is no terminal ${command.id}`)
    if (command.type === 'ack') {
      channel.acknowledge(command.offset)
      this.#ready.add(channel)
      this.#schedule()
      return
    }
    if (channel.ended) throw new Fault('conflict', `terminal ${command.id} has ended`)
    if (this.#liveness.awaits(command.id)) throw new Fault('conflict', `the id ${command.id} is being reused`)
    if (command.type === 'input') channel.terminal.input(command.bytes)
    else channel.terminal.resize(command.cols, command.rows)
  }

  /** Sends an error frame, ahead of output. Closes the socket after too many of them in a minute. */
  #refuse(fault: Named & { readonly code: string; readonly message: string }): void {
    if (this.#gone) return
    if (this.#tooManyErrors()) this.close(1008, `more than ${ERRORS_A_MINUTE} refused frames in a minute`)
    else this.#send(errorFrame(fault))
  }

  #schedule(): void {
    if (this.#scheduled || this.#gone) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    let left = TURN_BYTES
    this.#full = false
    while (!this.#gone && this.#socket.readyState === this.#socket.OPEN) {
      if (this.#socket.bufferedAmount >= HIGH_WATER_BYTES) {
        this.#full = true
        return
      }
      if (left <= 0) {
        this.#scheduled = true
        setImmediate(() => {
          this.#scheduled = false
          this.#pump()
        })
        return
      }
      const size = this.#sendNext()
      if (size === 0) return
      left -= size
    }
  }

  /** Sends the next frame in turn and returns its size; 0 if there is none. */
  #sendNext(): number {
    if (this.#watchLeft > 0) {
      const event = this.#watch?.take()
      if (event !== undefined) {
        const size = this.#send(watcherFrame(event))
        this.#watchLeft -= size
        return size
      }
    }
    this.#watchLeft = WATCH_TURN_BYTES
    for (const channel of this.#ready) {
      this.#ready.delete(channel)
      const frame = channel.take(this.#parts.pool)
      if (frame === undefined) continue
      const size = this.#send(frame)
      if (channel.ended) this.#confirmEnd(channel)
      else this.#ready.add(channel) // behind the others
      return size
    }
    const event = this.#watch?.take()
    return event === undefined ? 0 : this.#send(watcherFrame(event))
  }

  /** Pings the client: until it has seen the exit, its frames for this id are meant for the old terminal (P-14). */
  #confirmEnd(channel: Channel): void {
    const { id } = channel.terminal
    this.#liveness.awaitPong(id)
    const successor = this.#successors.get(id)
    this.#successors.delete(id)
    if (successor !== undefined) this.attach(successor, FROM_BIRTH)
  }

  #send(frame: Outgoing): number {
    const size = frame.length
    const binary = typeof frame !== 'string'
    this.#socket.send(frame, { binary }, (error) => {
      this.#liveness.took(size)
      if (binary && !(error instanceof Error)) this.#parts.pool.give(frame)
      if (this.#full) this.#schedule()
    })
    return size
  }

  /** Sends the error of a failed command, now or later, with the id and request id of its frame. */
  #refuseFor(error: unknown, { id, requestId }: Command): void {
    const named = { id, ...(requestId === undefined ? {} : { requestId }) }
    if (error instanceof Fault) {
      this.#refuse({ code: error.code, message: error.message, ...named })
      return
    }
    this.#parts.log.error('socket_failed', { stack: error instanceof Error ? error.stack : String(error) })
    this.#refuse({ code: 'internal_error', message: 'the daemon failed; its log has the reason', ...named })
  }
}
