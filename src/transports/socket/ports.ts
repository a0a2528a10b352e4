// What the socket needs from terminals and watchers, and nothing more: the workspace's own satisfy it, and the
// tests of the pump have small ones. A cursor reads one terminal's ring for one client, so replay and live
// output are one read and there is no seam between them (protocol.md#frames).

/** One client's place in one terminal's output. Disposing it lets the terminal go on without that client. */
export interface OutputCursor extends Disposable {
  /** Absolute offset of the next byte. */
  readonly position: number
  /** Absolute offset behind the newest byte. */
  readonly end: number
  /**
   * What comes next, at most `maxBytes`, to be copied before the turn of the loop ends; undefined where nothing
   * is there now. `gap`: bytes lost before it.
   */
  read(maxBytes: number): { readonly offset: number; readonly bytes: Uint8Array; readonly gap: number } | undefined
  /** Brings a fresh terminal into the state before the byte at `offset`, which is there still: its modes, no cells. */
  prelude(offset: number): Uint8Array
  /** The exit code once the terminal has ended and its last byte is in the ring. */
  readonly exitCode: number | undefined
}

export interface LiveTerminal {
  readonly id: number
  /** Tells this terminal from any other that has or had the id, in this run of the daemon or another. */
  readonly life: string
  /** `since`: from that offset where the ring still has it. `wake` is called when there is more, or an end. */
  attach(options: { readonly since: number | undefined; readonly wake: () => void }): OutputCursor
  /** Throws a Fault where the terminal has ended or its input queue is full. */
  input(bytes: Uint8Array): void
  resize(cols: number, rows: number): void
}

export interface LiveTerminals {
  /** Alive and dead ones, as far as they are kept. */
  list(): Iterable<LiveTerminal>
  /** Ends it and forgets it; throws not_found. */
  delete(id: number): Promise<unknown>
  /** Calls back for each terminal created from now on, before its creator is answered. */
  onCreated(listener: (terminal: LiveTerminal) => void): Disposable
}

/** Watcher frames for one client, as JSON text. While nobody takes them their watchers wait, in bounded memory. */
export interface WatcherFrames extends Disposable {
  /** The next frame; undefined where there is none now, and from then on `readable` tells of the next. */
  take(): string | undefined
}

export interface LiveWatchers {
  /**
   * Begins with a `ready` for each watcher, to be taken without being told. `limited`: for a caller who is not allowed
   * everything.
   */
  subscribe(readable: () => void, limited?: boolean): WatcherFrames
}
