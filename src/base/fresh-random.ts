// Random bytes from the kernel, for secrets and for names that must be unique. node:crypto keeps a generator in the
// process: two machines resumed from one snapshot would both continue it until it next reseeds, and make the same
// "secrets" (C-05). The kernel's generator is renewed when a snapshot is resumed, or at least not shared. The daemon
// holds the device open, so that no call fails for want of a descriptor (Z-01); if there is no device, it uses a system
// call.

import { closeSync, openSync, readSync } from 'node:fs'

type Source = (bytes: Buffer) => void

const DEVICE = '/dev/urandom'

let source: Source = openingTheDevice

/** Returns `size` bytes that no other call has got, here or in a copy of this process. */
export function freshRandom(size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size) // filled to its end, or thrown away
  source(bytes)
  return bytes
}

/** Holds the device open: from then on no call needs a descriptor. Without a device it tries and uses `systemCall`. */
export function holdRandom(systemCall: Source): Disposable {
  const held = openedDevice()
  if (held === undefined) systemCall(Buffer.alloc(1))
  source = held === undefined ? systemCall : (bytes) => readAll(held, bytes)
  return {
    [Symbol.dispose]() {
      source = openingTheDevice
      if (held !== undefined) closeSync(held)
    },
  }
}

function openedDevice(): number | undefined {
  try {
    return openSync(DEVICE, 'r')
  } catch {
    return undefined
  }
}

/** Fills the bytes before the daemon holds the device, and in commands: new processes with a new generator. */
function openingTheDevice(bytes: Buffer): void {
  const device = openedDevice()
  if (device === undefined) return void process.getBuiltinModule('node:crypto').randomFillSync(bytes)
  try {
    readAll(device, bytes)
  } finally {
    closeSync(device)
  }
}

function readAll(device: number, bytes: Buffer): void {
  for (let filled = 0; filled < bytes.length;) {
    const got = readSync(device, bytes, filled, bytes.length - filled, null)
    if (got === 0) throw new Error(`${DEVICE} is not the kernel's: it has an end`)
    filled += got
  }
}
