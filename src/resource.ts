// A kind of resource is one value, declared once: the form of its addresses, and the operations that read,
// list, complete and watch what they name. MCP hands them out; each goes through the gate like any other
// operation, so a credential's scopes hold for them too.

import { Type, type TObject } from 'typebox'
import type { Operation } from './operation.ts'

/** What reading answers: one of `text` and `blob` (base64). */
export const resourceContents = Type.Object({
  mime_type: Type.Optional(Type.String()),
  text: Type.Optional(Type.String()),
  blob: Type.Optional(Type.String()),
})

export interface ResourceKind {
  /** `exec://{id}/stdout`: the variable is the field of that name of `read`. Without one: a single address. */
  readonly template: string
  readonly name: string
  readonly title: string
  readonly description: string
  readonly mimeType?: string
  readonly read: Operation<TObject, typeof resourceContents>
  /** The call that reads on behind `shown`, the beginning of the text, where the contents are too long for one message. */
  readonly more?: (input: Readonly<Record<string, string>>, shown: string) => { tool: string; arguments: object }
  /** Names those there are now: `values` of the variable. Left out where there are too many to name. */
  readonly list?: Operation
  /** `values` of the variable that begin with its input field `value`. */
  readonly complete?: Operation
  /**
   * A stream for its input field `values`: first `watching` with those that are watched, then `changed` with
   * the `value` that has changed, each time.
   */
  readonly watch?: Operation
}
