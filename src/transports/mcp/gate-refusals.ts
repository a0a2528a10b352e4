// What the gate refuses, in the form that a client's transport reads: a scope that is lacking, and a credential
// that is at its limits. Pure.

import { mayUse } from '../../caller.ts'
import type { Fault } from '../../base/fault.ts'
import type { Operation } from '../../operation.ts'
import { RPC, type Refusal } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { bareFailure } from './tool-result.ts'

/** A fault as a refusal, where the answer has no form of its own for failures. */
export function refusalOfGate(fault: Fault, op: Operation, { caller, speaker, requestId }: Exchange): Refusal {
  if (isAdmission(fault)) return admissionRefusal(fault, requestId)
  if (speaker.era === 'modern' && !mayUse(caller, op.scope)) return scopeRefusal(op)
  return bareFailure(fault, requestId)
}

/** The modern transport's form of a scope that is lacking: 403 with a challenge. */
export function scopeRefusal(op: Operation): Refusal {
  return {
    status: 403,
    code: RPC.failed,
    message: `this credential does not allow ${op.name}: it lacks the scope "${op.scope}"`,
    data: { code: 'forbidden', scope: op.scope },
    headers: {
      'www-authenticate': `Bearer realm="workspace-runtime", error="insufficient_scope", scope="${op.scope}"`,
    },
  }
}

/**
 * True for the gate's own 429, which concerns the credential and not the tool. A tool's 429 (all exec slots
 * taken) is for the model to read; this one is for the client's transport, with Retry-After (protocol.md#statuses).
 */
export function isAdmission(fault: Fault): boolean {
  const unit = fault.details?.['unit']
  return fault.code === 'rate_limited' && typeof unit === 'string' && unit.startsWith('calls')
}

export function admissionRefusal(fault: Fault, requestId: string): Refusal {
  const refusal = bareFailure(fault, requestId)
  return { ...refusal, status: fault.status, headers: { 'retry-after': String(fault.retryAfter ?? 1) } }
}
