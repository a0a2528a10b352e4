// The unpacker's thread: takes one archive after the other in chunks, gives room for more as it uses them up, puts
// their members into the destination, and says how each archive ended. When it is told to stop, or at the first member
// that is refused, it takes back what is half done.

import { mainPort } from '../base/port.ts'
import { giveBack } from '../base/tally.ts'
import { UnpackArchive } from './archive/unpack-archive.ts'
import type { FromUnpacker, ToUnpacker, UnpackJob } from './archive/unpack-job.ts'
import { openSource } from './archive/unpack-source.ts'

const STOPPED = new Error('told to stop')

/** Chunks that have come, in order. Each is given back when the next is asked for. */
class Inbox implements AsyncIterable<Uint8Array> {
  readonly #chunks: Uint8Array[] = []
  readonly #say: (message: FromUnpacker) => void
  #over: { readonly error?: Error } | undefined
  #wake: (() => void) | undefined

  constructor(say: (message: FromUnpacker) => void) {
    this.#say = say
  }

  hear(message: Exclude<ToUnpacker, { type: 'job' }>): void {
    if (message.type === 'chunk') this.#chunks.push(message.bytes)
    else if (message.type === 'end') this.#over ??= {}
    else this.#over = { error: STOPPED }
    this.#wake?.()
  }

  /** True once it was told to stop. */
  get stopped(): boolean {
    return this.#over?.error !== undefined
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.#over?.error !== undefined) throw this.#over.error
      const chunk = this.#chunks.shift()
      if (chunk !== undefined) {
        const bytes = chunk.byteLength
        yield chunk
        giveBack(chunk)
        this.#say({ type: 'taken', bytes })
      } else if (this.#over !== undefined) return
      else await new Promise<void>((wake) => (this.#wake = wake))
    }
  }
}

async function unpack(job: UnpackJob, inbox: Inbox): Promise<FromUnpacker> {
  using archive = new UnpackArchive(job)
  try {
    const source = openSource(inbox)
    for await (const chunk of source) {
      if (inbox.stopped) throw STOPPED
      archive.push(chunk, source.into)
    }
    await archive.finish()
    return { type: 'done', progress: archive.progress }
  } catch (error) {
    const notice = error === STOPPED ? undefined : archive.notice(error)
    archive.abandon()
    const { progress } = archive
    return notice === undefined ? { type: 'stopped', progress } : { type: 'failed', fault: notice, progress }
  }
}

const main = mainPort<ToUnpacker, FromUnpacker>()
let inbox: Inbox | undefined

function begin(job: UnpackJob): void {
  // The main thread no longer listens to what the archive before has still to say.
  const say = (message: FromUnpacker): void => {
    if (inbox === own) main.say(message)
  }
  const own = new Inbox(say)
  inbox = own
  void unpack(job, own).then(say) // a rejection is a defect, which ends the thread and is heard
}

main.hear((message) => {
  if (message.type === 'job') begin(message.job)
  else inbox?.hear(message)
})
