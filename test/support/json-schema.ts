// Checks values against JSON Schema 2020-12 with ajv. It checks no formats, as the standard has it, and throws if the
// schema itself is wrong.

import { Ajv2020, type AnySchema } from 'ajv/dist/2020.js'

export interface Checker {
  /** Null where the value fits, else what does not. */
  refuse(schema: AnySchema, value: unknown): string | null
}

/** `document`: what `$ref: 'document#/…'` refers to. */
export function openChecker(document?: object): Checker {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true })
  if (document !== undefined) ajv.addSchema(document, 'document', undefined, false)
  return {
    refuse(schema, value) {
      const check = ajv.compile(schema)
      return check(value) ? null : ajv.errorsText(check.errors)
    },
  }
}
