// A kind of resource is one value, declared once: the form of its addresses, and the operations that read, list,
// complete and watch the resources. MCP offers them. Each operation runs through the gate, so a credential's scopes
// apply here too.

import { Type, type TObject } from 'typebox'
import type { Operation } from './operation.ts'

/** Answer of a read: one of `text` and `blob` (base64). */
export const resourceContents = Type.Object({
  mime_type: Type.Optional(Type.String()),
  text: Type.Optional(Type.String()),
  blob: Type.Optional(Type.String()),
})

export interface ResourceKind {
  /** `exec://{id}/stdout`: the variable is the field of that name of `read`. Without a variable it is one address. */
  readonly template: string
  readonly name: string
  readonly title: string
  readonly description: string
  readonly mimeType?: string
  readonly read: Operation<TObject, typeof resourceContents>
  /** Returns the call that reads on after `shown`, the beginning of a text that is too long for one message. */
  readonly more?: (input: Readonly<Record<string, string>>, shown: string) => { tool: string; arguments: object }
  /** Operation that answers the present `values` of the variable. Absent if there are too many to name. */
  readonly list?: Operation
  /** Operation that answers the `values` of the variable that begin with its input field `value`. */
  readonly complete?: Operation
  /**
   * Stream for its input field `values`: first a `watching` frame with the watched values, then a `changed` frame with
   * the `value` at each change.
   */
  readonly watch?: Operation
}
