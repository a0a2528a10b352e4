// A worker for the test of base/port: does what each message says.

import { mainPort } from '../../src/base/port.ts'

export type ToEcho =
  | { readonly do: 'echo'; readonly bytes: Uint8Array<ArrayBuffer> }
  /** Throws. */
  | { readonly do: 'throw' }
  /** Ends with code 3. */
  | { readonly do: 'exit' }
  /** Answers with what cannot be received. */
  | { readonly do: 'deep' }
  /** Waits in Atomics.wait until the cell is 1, then takes messages without its event loop. */
  | { readonly do: 'block'; readonly cell: SharedArrayBuffer }
  | { readonly do: 'close' }

export type FromEcho =
  { readonly bytes: Uint8Array<ArrayBuffer>; readonly left: number } | 'blocked' | readonly ToEcho[]

const main = mainPort<ToEcho, FromEcho | object>()
main.hear((message) => {
  if (message.do === 'echo') {
    const { bytes } = message
    main.say({ bytes, left: bytes.byteLength }, [bytes.buffer])
  } else if (message.do === 'throw') throw new TypeError('x is null')
  else if (message.do === 'exit') process.exit(3)
  else if (message.do === 'close') main.close()
  else if (message.do === 'deep') {
    let deep: unknown[] = []
    for (let level = 0; level < 8_000; level++) deep = [deep]
    main.say(deep)
  } else if (message.do === 'block') {
    main.say('blocked')
    Atomics.wait(new Int32Array(message.cell), 0, 0)
    const came: ToEcho[] = []
    for (let next = main.next(); next !== undefined; next = main.next()) came.push(next)
    main.say(came)
  }
})
