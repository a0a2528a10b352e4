// Expects a Fault: its code, and what its sentence says.

import type { Test } from 'tap'
import { Fault, type FaultCode } from '../../src/base/fault.ts'

export async function refused(t: Test, work: Promise<unknown>, code: FaultCode, sentence: RegExp): Promise<void> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof Fault) t.match({ code: error.code, message: error.message }, { code, message: sentence })
  else t.fail(`not a Fault: ${error instanceof Error ? error.stack : String(error)}`)
}
