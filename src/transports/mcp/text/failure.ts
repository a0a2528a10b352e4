// A failure for a model: one sentence on what failed, one on what to do. The first is the
// fault's own, and mostly names what is accepted; the second follows from its code. Pure.

import { posix } from 'node:path'
import type { Fault, FaultCode } from '../../../base/fault.ts'

const ADVICE: Readonly<Record<FaultCode, string>> = {
  bad_request: 'Change that argument and call again.',
  not_regular: 'file_stat tells what it is.',
  bad_cwd: 'Choose a directory that exists, or make it with file_mkdir.',
  unauthorized: 'The client needs a valid token.',
  forbidden: 'This will not succeed as it is: choose another way, or ask the user.',
  not_found: 'Look at what there is, then call again.',
  method_not_allowed: 'Choose another tool.',
  request_timeout: 'Send the request again, faster or in smaller parts.',
  conflict: 'Look at the present state, then call again.',
  precondition_failed: 'Read the present state first, then call again.',
  payload_too_large: 'Ask for a part of it: a range, or a narrower path.',
  unsupported_media_type: 'Send JSON.',
  range_not_satisfiable: 'Ask for a range inside it.',
  upgrade_required: 'Choose another tool.',
  rate_limited: 'End what is no longer needed, or wait a little.',
  internal_error: 'Try once more; if it fails again, tell the user its request id.',
  command_not_found: 'Check the name, or install the program.',
  not_executable: 'Make it executable with chmod +x, or run it with its interpreter.',
  spawn_failed: 'Shorten the command or its environment, or wait a little.',
  not_supported: 'Choose another way.',
  bad_gateway: 'Check that what it talks to is running.',
  unavailable: 'Wait a little, then call again.',
  timeout: 'Ask for less, or allow more time.',
  insufficient_storage: 'Free some space first.',
}

export function failureText(fault: Fault): string {
  // The advice says what was probably meant, with the whole path.
  const message =
    fault.details?.['nearest'] === undefined ? fault.message : fault.message.replace(/\. Did you mean .*\?$/s, '')
  const what = /[.!?…]$/.test(message) ? message : `${message}.`
  return `${what[0]?.toUpperCase() ?? ''}${what.slice(1)} ${adviceOn(fault)}`
}

function adviceOn(fault: Fault): string {
  const { nearest, path } = fault.details ?? {}
  if (fault.code === 'not_found' && typeof nearest === 'string') return `Call again with ${JSON.stringify(nearest)}.`
  if (fault.code === 'not_found' && typeof path === 'string') {
    return `file_list ${JSON.stringify({ path: posix.dirname(path) })} shows what is there.`
  }
  if (fault.retryAfter !== undefined && fault.code === 'unavailable') return `Call again in ${fault.retryAfter} s.`
  return ADVICE[fault.code]
}
