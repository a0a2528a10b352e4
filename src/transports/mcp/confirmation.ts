// Asking a person before something is destroyed (`mcp.confirm`, off by default): the tool says what to ask, the
// client shows it, and only an accepted answer that belongs to this very call lets it run. Clients that
// cannot be asked are not: then the call runs as it does without the setting.

import { shownText } from '../../base/bytes-text.ts'
import { Fault } from '../../base/fault.ts'
import type { Gate, Request } from '../../invoke.ts'
import type { Operation } from '../../operation.ts'
import { NeedsInput, type Talk } from './talk.ts'

/** The name of the one question. */
const KEY = 'confirm'

/** Undefined: it may run. Throws `forbidden` where the person declined. */
export async function confirmed(
  op: Operation,
  request: Request,
  gate: Gate,
  talk: Talk,
): Promise<NeedsInput | undefined> {
  const question = talk.modern && talk.can('elicitation') ? await questionOf(op, request, gate) : undefined
  if (question === undefined) return undefined
  // Accepting is the answer; there is nothing to fill in.
  const params = { mode: 'form', message: question, requestedSchema: { type: 'object', properties: {} } }
  const answers = await talk.ask({ [KEY]: { of: 'elicitation', params } }, { question })
  if (answers instanceof NeedsInput) return answers
  if (answers[KEY]?.['action'] === 'accept' && talk.state?.['question'] === question) return undefined
  throw new Fault('forbidden', `the user was asked ${JSON.stringify(question)} and did not agree; nothing was done`)
}

/** Asked through the gate, as the call itself is: the same input, the same credential, the same limits. */
async function questionOf(op: Operation, request: Request, gate: Gate): Promise<string | undefined> {
  const confirm = op.tool?.confirm
  if (confirm === undefined) return undefined
  let question: string | undefined
  const asking: Operation = {
    ...op,
    run: async (input, call) => {
      const asked = await confirm(input, call)
      question = asked && shownText(asked)
      return {}
    },
  }
  await gate.invoke(asking, request)
  return question
}
