// The id of a JSON-RPC message that is too long to be kept: found in its bytes as they pass, anywhere among the
// message's own fields, without parsing their values. Pure; its time is linear in the bytes.

import type { RequestId } from '../transports/mcp/protocol/json-rpc.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN = 0x7b
const CLOSE = 0x7d
const LIST = 0x5b
const END = 0x5d
const COMMA = 0x2c
const COLON = 0x3a

/** Characters of a name or a value that are kept: no id of a client is longer. */
const LONGEST = 1024

export class TopLevelId {
  #depth = 0
  #inString = false
  #escaped = false
  #isName = false
  #name = ''
  /** Bytes of the name or value that is being read; undefined if it is not needed. */
  #kept: number[] | undefined
  #id: RequestId | undefined

  /** Returns the id; undefined if the message has none, as notifications. */
  get id(): RequestId | undefined {
    return this.#id
  }

  push(bytes: Uint8Array): void {
    for (const byte of bytes) this.#take(byte)
  }

  #take(byte: number): void {
    if (this.#inString) return this.#inside(byte)
    if (byte === QUOTE) this.#inString = true
    if (byte === OPEN || byte === LIST) this.#depth++
    const ends = this.#depth === 1 && (byte === COMMA || byte === CLOSE)
    if (byte === CLOSE || byte === END) this.#depth--
    if (ends) this.#value()
    if (byte === OPEN && this.#depth === 1) this.#isName = true
    else if (byte === COMMA && this.#depth === 1) this.#isName = true
    else if (byte === COLON && this.#depth === 1) this.#begin()
    else if (this.#depth === 1 && byte === QUOTE && this.#isName) this.#kept = [byte]
    else if (this.#depth === 1 || ends) this.#keep(byte, ends)
  }

  #inside(byte: number): void {
    if (this.#depth === 1) this.#keep(byte, false)
    if (this.#escaped) this.#escaped = false
    else if (byte === BACKSLASH) this.#escaped = true
    else if (byte === QUOTE) this.#inString = false
  }

  #keep(byte: number, ends: boolean): void {
    if (ends || this.#kept === undefined) return
    if (this.#kept.length < LONGEST) this.#kept.push(byte)
    else this.#kept = undefined
  }

  /** Begins a value: a colon has come, so the name is known. */
  #begin(): void {
    this.#name = String(this.#parsed())
    this.#isName = false
    this.#kept = this.#name === 'id' ? [] : undefined
  }

  #value(): void {
    const value = this.#name === 'id' ? this.#parsed() : undefined
    if (typeof value === 'string' || typeof value === 'number') this.#id ??= value
    this.#name = ''
    this.#kept = undefined
  }

  #parsed(): unknown {
    try {
      return JSON.parse(Buffer.from(this.#kept ?? []).toString()) as unknown
    } catch {
      return undefined // cut off, or not JSON
    }
  }
}
