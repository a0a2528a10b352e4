// The thread of one download: walks, reads, compresses, and fills the slots that the main thread gives back.
// It lives as long as its archive; a client that takes nothing leaves it without a free slot, and so at rest.

import { parentPort, workerData } from 'node:worker_threads'
import { Fault } from '../base/fault.ts'
import { type FromPacker, type PackJob, slotsOf, type ToPacker } from './archive/pack-job.ts'
import { Compressor, Slots } from './archive/pack-outlet.ts'
import { Tape } from './archive/pack-header.ts'
import { PackWalk } from './archive/pack-walk.ts'
import type { FaultNotice } from './walk/walk-job.ts'

const post = (message: FromPacker): void => parentPort?.postMessage(message)

async function pack(job: PackJob, slots: Slots): Promise<void> {
  const outlet = job.format === 'tar' ? slots : new Compressor(job.format, slots)
  const tape = new Tape(await outlet.block())
  const walk = new PackWalk(tape)
  for (const _ of walk.run(job)) {
    await outlet.put(tape.written)
    tape.continue(await outlet.block())
  }
  await outlet.put(tape.written)
  await outlet.end()
  post({ type: 'end', remarks: walk.remarks.all })
}

function notice(error: unknown): FaultNotice {
  if (error instanceof Fault) return { code: error.code, sentence: error.message, details: error.details }
  return { code: 'internal_error', sentence: `the archive failed: ${String(error)}`, details: undefined }
}

const job = workerData as PackJob // what workspace/archives/pack.ts starts us with
const slots = new Slots(slotsOf(job.memory), (slot, length) => post({ type: 'filled', slot, length }))
parentPort?.on('message', ({ slot }: ToPacker) => slots.release(slot))
pack(job, slots).catch((error: unknown) => post({ type: 'failed', fault: notice(error) }))
