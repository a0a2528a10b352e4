// The JSON Schemas of what travels: the input and the reply of each operation, the error body, the configuration
// file. `/schemas` serves them one by one; the API description refers to the same. Pure.

import { FAULT_STATUS } from '../../base/fault.ts'
import type { Operation } from '../../operation.ts'
import { plainSchema, type PlainSchema } from '../plain-schema.ts'
import { fieldsOf, type Field } from './endpoint.ts'

export interface NamedSchema {
  /** `config`, `error`, `file_read.input`, `file_read.output`. */
  readonly name: string
  readonly title: string
  readonly schema: PlainSchema
}

const DIALECT = 'https://json-schema.org/draft/2020-12/schema'

/** The error body (protocol.md#replies; transports/reply.ts makes it). */
export const ERROR_SCHEMA: PlainSchema = {
  type: 'object',
  description: 'What every refusal and failure is answered with.',
  properties: {
    success: { const: false },
    error: { type: 'string', description: 'One sentence for a person.' },
    message: { type: 'string', description: 'The same.' },
    code: { type: 'string', enum: Object.keys(FAULT_STATUS), description: 'For a program; the list is closed.' },
    details: {
      type: 'object',
      description: 'Facts that belong to the sentence, such as the field, what came, a limit.',
    },
    request_id: { type: 'string', description: 'As in X-Request-Id; absent where the credential was refused.' },
  },
  required: ['success', 'error', 'message', 'code'],
}

/** An object of these fields. */
export function objectOf(fields: readonly Field[]): PlainSchema {
  const required = fields.flatMap((field) => (field.required ? [field.name] : []))
  return {
    type: 'object',
    properties: Object.fromEntries(fields.map((field) => [field.name, described(field)])),
    ...(required.length > 0 && { required }),
  }
}

/** The schema of a field, its other names told. */
export function described({ schema, aliases }: Field): PlainSchema {
  if (aliases.length === 0) return schema
  const text = typeof schema['description'] === 'string' ? `${schema['description']} ` : ''
  return { ...schema, description: `${text}Also taken: ${aliases.map((alias) => `\`${alias}\``).join(', ')}.` }
}

/** The JSON body of a success (protocol.md#replies, protocol.md#tolerant-input). */
export function replySchema(op: Operation): PlainSchema {
  const output = plainSchema(op.output)
  if (op.open === true) return output
  const ignored = { type: 'array', items: { type: 'string' }, description: 'Fields sent that mean nothing here.' }
  const required: readonly string[] = op.output.required ?? []
  return {
    ...output,
    properties: { success: { const: true }, ...(output['properties'] as PlainSchema), ignored }, // plainSchema's form
    required: ['success', ...required],
  }
}

export function answersJson(op: Operation): boolean {
  return op.routes.some(({ answers = 'application/json' }) => [answers].flat().includes('application/json'))
}

/** All of them, each by its name. */
export function namedSchemas(catalog: readonly Operation[], config: object): ReadonlyMap<string, NamedSchema> {
  const routed = catalog.filter(({ routes }) => routes.length > 0)
  const all: readonly NamedSchema[] = [
    { name: 'config', title: 'The configuration file', schema: plainSchema(config) },
    { name: 'error', title: 'The error body', schema: ERROR_SCHEMA },
    ...routed.flatMap((op): NamedSchema[] => [
      { name: `${op.name}.input`, title: `${op.title}: what is sent`, schema: objectOf(fieldsOf(op)) },
      ...(answersJson(op)
        ? [{ name: `${op.name}.output`, title: `${op.title}: the reply`, schema: replySchema(op) }]
        : []),
    ]),
  ]
  return new Map(all.map((one) => [one.name, one]))
}

/** A schema as a document of its own. Its id is relative to where it was got from, which is any address. */
export function schemaDocument({ name, title, schema }: NamedSchema): PlainSchema {
  return { $schema: DIALECT, $id: name, title, ...schema }
}
