// The end of a thread that calls C, when the process exits. Node terminates its threads then; if koffi works in one of
// them, the error of koffi has nowhere to go, and Node aborts the whole process. So the main thread waits until the
// thread has made its last call. A thread that does not say so stands in a file system that does not answer: the
// process ends without joining it.

import { exitAtOnce } from './process.ts'

/** Milliseconds that the exit waits for a thread: 100 times the slice in which a thread looks for messages. */
const LAST_CALL_MS = 1_000

/** One cell that the main thread and the thread share. */
export type LastCall = Int32Array<SharedArrayBuffer>

export function openLastCall(): LastCall {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
}

/** The thread says that it calls no C any more. */
export function sayLastCall(cell: LastCall): void {
  Atomics.store(cell, 0, 1)
  Atomics.notify(cell, 0)
}

/** For a listener of 'exit', when the thread was told to end: returns after its last call, or ends the process. */
export function exitAfterLastCall(cell: LastCall, code: number): void {
  if (Atomics.wait(cell, 0, 0, LAST_CALL_MS) === 'timed-out') exitAtOnce(code)
}
