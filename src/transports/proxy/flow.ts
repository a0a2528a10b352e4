// Bytes from one side to the other at the pace of the slower one. The memory of each chunk is given back as soon as it
// is written.

import type { Duplex, Readable, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { giveBack } from '../../base/tally.ts'

/** Starts; `to` is left open at the end. What is returned stops it. */
export function flow(from: Readable, to: Writable): () => void {
  const take = (chunk: Buffer): void => {
    if (!to.write(chunk, () => giveBack(chunk))) from.pause()
  }
  const goOn = (): void => void from.resume()
  to.on('drain', goOn)
  from.on('data', take)
  return () => {
    from.off('data', take)
    to.off('drain', goOn)
  }
}

/** Resolves when all of `from` has been handed over; throws when either side breaks off. */
export async function carry(from: Readable, to: Writable): Promise<void> {
  const left = (): void => void from.destroy(LEFT)
  to.once('close', left)
  const stop = flow(from, to)
  try {
    await finished(from, { writable: false })
  } finally {
    stop()
    to.off('close', left)
  }
}

/** To be called once Node's parser has heard of a connection: it copies what it keeps, so what was read can go. */
export function giveBackWhatIsParsed(connection: Duplex): void {
  connection.on('data', giveBack)
}

/** Made once: an error is dear with its stack. */
const LEFT = new Error('the other side has left')
