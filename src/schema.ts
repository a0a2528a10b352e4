// The kinds of field that inputs are made of, as TypeBox schemas: each is JSON Schema plus, under `kind`,
// the tolerant reading that protocol.md#tolerant-input asks for. `intake.ts` reads them; projections drop `kind`.
// A field with a default is filled before `run` sees it and is not required of the caller.

import { Type, type TSchema } from 'typebox'

/** How a raw value is read before it is checked. */
export type Kind = 'path' | 'path_bytes' | 'paths' | 'list' | 'extensions' | 'argv' | 'content' | 'id' | 'env'

/** Longest path taken, in bytes (PATH_MAX less the final NUL). */
export const PATH_BYTES = 4095

/** Of which paths a field takes, for people and models. */
const WHERE = 'Absolute, or relative to the working directory.'

/** A path: absolute or below the working directory, without NUL, at most 4,095 bytes; read, it is absolute and normal. */
export const path = (description: string, more: { default?: string } = {}) =>
  Type.String({ kind: 'path', minLength: 1, description: `${description} ${WHERE}`, ...more })

/**
 * Beside a path field: its bytes, for a name that is not UTF-8. The field is called `<path field>_base64`, a caller gives
 * one of the two, and read it is the path field, as text that holds such bytes (base/bytes-text.ts).
 */
export const pathBytes = (of = 'path') =>
  Type.Optional(
    Type.String({
      kind: 'path_bytes',
      description: `Instead of ${of}, for a name that is not UTF-8: base64 of the bytes.`,
    }),
  )

/** The same of a field of paths: all of them in base64, an array. */
export const pathsBytes = (of = 'paths') =>
  Type.Optional(
    Type.Array(Type.String(), {
      kind: 'path_bytes',
      description: `Instead of ${of}, for names that are not UTF-8: base64 of the bytes of each.`,
    }),
  )

/** In answers: the bytes of such a path, beside its text, which has U+FFFD for what is not UTF-8. */
export const toldBytes = (of = 'path') =>
  Type.Optional(Type.String({ description: `Bytes of a ${of} that is not UTF-8, in base64.` }))

/** Paths, each as above: an array, the JSON text of one, or one as a string; a comma is part of a name. */
export const paths = (description: string) =>
  Type.Array(Type.String(), { kind: 'paths', description: `${description} ${WHERE}`, minItems: 1, maxItems: 1000 })

/** Text without limits of its own. */
export const text = (description: string, more: { minLength?: number; maxLength?: number; default?: string } = {}) =>
  Type.String({ description, ...more })

/**
 * Text of any length, without lone surrogates. A long string of a body above 1 MiB comes as its UTF-8 bytes
 * (base/long-text.ts): hence the second type.
 */
export const content = (description: string) =>
  Type.Unsafe<string | Uint8Array>({ type: 'string', kind: 'content', description })

/** true/false; the strings "true", "false", "1", "0" count too. */
export const flag = (description: string, fallback: boolean) => Type.Boolean({ description, default: fallback })

/** An integer within bounds; decimal strings count too. */
export const whole = (description: string, more: { minimum: number; maximum: number; default?: number }) =>
  Type.Integer({ description, ...more })

/** A finite number within bounds; decimal strings count too. */
export const number = (description: string, more: { minimum: number; maximum: number; default?: number }) =>
  Type.Number({ description, ...more })

/**
 * Strings: an array, whose elements stand as they are; the values of a repeated key likewise; the JSON text of an array,
 * which is how one name with a comma is written in a query; or one string that is split at commas.
 */
export const list = (description: string) =>
  Type.Array(Type.String(), { kind: 'list', description, maxItems: 1000, default: [] })

/** File extensions: a list as above, each as in `py`, `.py` or `*.py`, several in one string; read, without the dot. */
export const extensions = (description: string) =>
  Type.Array(Type.String(), { kind: 'extensions', description, maxItems: 1000, default: [] })

/** A command: an array of arguments, the JSON text of one, or one string (protocol.md#tolerant-input). */
export const argv = (description: string) =>
  Type.Array(Type.String(), { kind: 'argv', description, minItems: 1, maxItems: 65536 })

/** An id: a string; numbers count too (protocol.md#tolerant-input). */
export const id = (description: string) => Type.String({ kind: 'id', minLength: 1, maxLength: 64, description })

/** One of the named words. */
export const choice = <const W extends string>(description: string, words: readonly W[], fallback: W) =>
  Type.Unsafe<W>({ type: 'string', enum: [...words], description, default: fallback })

/**
 * Environment variables: names without "=", not empty, not beginning with a digit; no NUL anywhere. Numbers and flags
 * count as their text. The type of the values is said because models are told nothing else, and because some model APIs
 * refuse an object of which nothing is known.
 */
export const environment = (description: string) =>
  Type.Unsafe<Readonly<Record<string, string>>>({
    type: 'object',
    additionalProperties: { type: 'string' },
    kind: 'env',
    description,
  })

export const optional = <S extends TSchema>(schema: S) => Type.Optional(schema)

/** The call that gets what an answer leaves out, as a tool and its arguments. */
export const restCall = (description: string) =>
  Type.Optional(
    Type.Object({ tool: Type.String(), arguments: Type.Unsafe<object>({ type: 'object' }) }, { description }),
  )

export { Type }
