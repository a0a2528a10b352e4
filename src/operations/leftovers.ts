// The fields in which the end of a command or a terminal tells of its processes that live on.

import { Type } from 'typebox'
import { optional } from '../schema.ts'
import type { Leftovers } from '../workspace/processes/mark.ts'

/** Fields of the answer; absent if nothing lives on. */
export const leftoverFields = {
  survived: optional(
    Type.Boolean({ description: 'Something lives on: SIGKILL did not end it, or it had left the session (setsid)' }),
  ),
  survivors: optional(
    Type.Array(Type.Object({ pid: Type.Integer(), name: Type.String(), session: Type.Integer() }), {
      description: 'Processes that had made a session of their own, 20 at most',
    }),
  ),
}

export function leftoversReply({ survived, survivors }: Leftovers) {
  return { ...(survived ? { survived } : {}), ...(survivors.length === 0 ? {} : { survivors: [...survivors] }) }
}
