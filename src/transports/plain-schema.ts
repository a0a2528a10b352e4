// Schemas of the catalogue for other readers: JSON Schema without our own keyword `kind` (see schema.ts). Pure.

export type PlainSchema = Record<string, unknown>

/** Returns a copy without `kind`; property names are not keywords and stay. */
export function plainSchema(schema: object): PlainSchema {
  const result: PlainSchema = {}
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'kind') continue
    else if (MAPS.has(key)) result[key] = mapValues(value)
    else if (typeof value === 'object' && value !== null && SUBSCHEMAS.has(key)) {
      result[key] = Array.isArray(value) ? value.map((item: object) => plainSchema(item)) : plainSchema(value)
    } else result[key] = value
  }
  return result
}

/** Keywords whose value is a map of schemas by name. */
const MAPS: ReadonlySet<string> = new Set(['properties', 'patternProperties'])
const SUBSCHEMAS: ReadonlySet<string> = new Set(['items', 'additionalProperties', 'anyOf', 'allOf', 'oneOf', 'not'])

function mapValues(schemas: Readonly<Record<string, object>>): PlainSchema {
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, plainSchema(schema)]))
}
