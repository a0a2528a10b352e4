// The thread of one download: walks, reads, compresses, and fills the slots that the main thread gives back. It lives
// as long as its archive; a client that takes nothing leaves it without a free slot, and so at rest.

import { workerData } from 'node:worker_threads'
import { noticeOf } from '../base/fault.ts'
import { mainPort } from '../base/port.ts'
import { type FromPacker, type PackJob, slotsOf, type ToPacker } from './archive/pack-job.ts'
import { BlockWriter, Compressor, SlotOutlet } from './archive/pack-outlet.ts'
import { PackWalk } from './archive/pack-walk.ts'

const main = mainPort<ToPacker, FromPacker>()

async function pack(job: PackJob, slots: SlotOutlet): Promise<void> {
  const outlet = job.format === 'tar' ? slots : new Compressor(job.format, slots)
  const blocks = new BlockWriter(await outlet.block())
  const walk = new PackWalk(blocks)
  for (const _ of walk.run(job)) {
    await outlet.put(blocks.written)
    blocks.continue(await outlet.block())
  }
  await outlet.put(blocks.written)
  await outlet.end()
  main.say({ type: 'end', remarks: walk.remarks.all })
}

const job = workerData as PackJob // what workspace/archives/pack.ts starts us with
const slots = new SlotOutlet(slotsOf(job.memory), (slot, length) => main.say({ type: 'filled', slot, length }))
main.hear(({ slot }) => slots.release(slot))
pack(job, slots).catch((error: unknown) => main.say({ type: 'failed', fault: noticeOf(error, 'the archive') }))
