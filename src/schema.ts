// Kinds of input fields as TypeBox schemas. Each is JSON Schema plus `kind`, which names the tolerant reading of
// protocol.md#tolerant-input. `intake.ts` reads by `kind`; projections drop it. Intake fills a field with a default
// before `run` sees it, so the caller may leave it out.

import { Type, type TSchema } from 'typebox'

/** Reading that is applied to a raw value before the check. */
export type Kind = 'path' | 'path_bytes' | 'paths' | 'list' | 'extensions' | 'argv' | 'content' | 'id' | 'env'

/** Longest path accepted, in bytes (PATH_MAX less the final NUL). */
export const PATH_BYTES = 4095

/** Sentence about the accepted paths, for people and models. */
const WHERE = 'Absolute, or relative to the working directory.'

/** Returns the schema of a path without NUL, at most 4,095 bytes. Intake makes a relative one absolute and normal. */
export const path = (description: string, more: { default?: string } = {}) =>
  Type.String({ kind: 'path', minLength: 1, description: `${description} ${WHERE}`, ...more })

/**
 * Returns the schema of the field `<path field>_base64`: a path's bytes, for a name that is not UTF-8. The caller gives
 * one of the two fields. Intake puts it into the path field, as text that holds such bytes (base/bytes-text.ts).
 */
export const pathBytes = (of = 'path') =>
  Type.Optional(
    Type.String({
      kind: 'path_bytes',
      description: `Instead of ${of}, for a name that is not UTF-8: base64 of the bytes.`,
    }),
  )

/** Returns the same for a field of paths: an array with each path in base64. */
export const pathsBytes = (of = 'paths') =>
  Type.Optional(
    Type.Array(Type.String(), {
      kind: 'path_bytes',
      description: `Instead of ${of}, for names that are not UTF-8: base64 of the bytes of each.`,
    }),
  )

/** Returns the schema of such bytes in an answer, beside the path's text, with U+FFFD for bytes outside UTF-8. */
export const toldBytes = (of = 'path') =>
  Type.Optional(Type.String({ description: `Bytes of a ${of} that is not UTF-8, in base64.` }))

/** Returns the schema of paths: an array, its JSON text, or one path as a string; a comma is part of a name. */
export const paths = (description: string) =>
  Type.Array(Type.String(), { kind: 'paths', description: `${description} ${WHERE}`, minItems: 1, maxItems: 1000 })

/** Returns the schema of text, with no limits but those in `more`. */
export const text = (description: string, more: { minLength?: number; maxLength?: number; default?: string } = {}) =>
  Type.String({ description, ...more })

/**
 * Returns the schema of text of any length, without lone surrogates. A long string of a body above 1 MiB comes as its
 * UTF-8 bytes (base/long-text.ts): hence the second type.
 */
export const content = (description: string) =>
  Type.Unsafe<string | Uint8Array>({ type: 'string', kind: 'content', description })

/** Returns the schema of true/false; the strings "true", "false", "1", "0" count too. */
export const flag = (description: string, fallback: boolean) => Type.Boolean({ description, default: fallback })

/** Returns the schema of an integer within bounds; decimal strings count too. */
export const whole = (description: string, more: { minimum: number; maximum: number; default?: number }) =>
  Type.Integer({ description, ...more })

/** Returns the schema of a finite number within bounds; decimal strings count too. */
export const number = (description: string, more: { minimum: number; maximum: number; default?: number }) =>
  Type.Number({ description, ...more })

/**
 * Returns the schema of strings: an array or a repeated key, whose values stay as they are; the JSON text of an array,
 * in which a query can write one name with a comma; or one string, which is split at commas.
 */
export const list = (description: string) =>
  Type.Array(Type.String(), { kind: 'list', description, maxItems: 1000, default: [] })

/** Returns the schema of file extensions: a list as above, each as `py`, `.py` or `*.py`. Intake drops the dot. */
export const extensions = (description: string) =>
  Type.Array(Type.String(), { kind: 'extensions', description, maxItems: 1000, default: [] })

/** Returns the schema of a command: an array of arguments, its JSON text, or a string (protocol.md#tolerant-input). */
export const argv = (description: string) =>
  Type.Array(Type.String(), { kind: 'argv', description, minItems: 1, maxItems: 65536 })

/** Returns the schema of an id: a string; numbers count too (protocol.md#tolerant-input). */
export const id = (description: string) => Type.String({ kind: 'id', minLength: 1, maxLength: 64, description })

/** Returns the schema of one of the named words. */
export const choice = <const W extends string>(description: string, words: readonly W[], fallback: W) =>
  Type.Unsafe<W>({ type: 'string', enum: [...words], description, default: fallback })

/**
 * Returns the schema of environment variables. A name is not empty, has no "=" and begins with no digit; NUL is refused
 * everywhere. Numbers and flags count as their text. The schema names the type of the values because models see nothing
 * else, and because some model APIs refuse an object without that.
 */
export const environment = (description: string) =>
  Type.Unsafe<Readonly<Record<string, string>>>({
    type: 'object',
    additionalProperties: { type: 'string' },
    kind: 'env',
    description,
  })

export const optional = <S extends TSchema>(schema: S) => Type.Optional(schema)

/** Returns the schema of the call that gets the rest of an answer: a tool and its arguments. */
export const restCall = (description: string) =>
  Type.Optional(
    Type.Object({ tool: Type.String(), arguments: Type.Unsafe<object>({ type: 'object' }) }, { description }),
  )

export { Type }
