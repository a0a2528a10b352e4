// The forms an archive can have, which of them a request gets, and what the file is called. Pure.

import { basename } from 'node:path'
import type { ArchiveFormat } from '../../threads/archive/pack-job.ts'

export type { ArchiveFormat }

export const MEDIA_TYPES: Readonly<Record<ArchiveFormat, string>> = {
  'tar.gz': 'application/gzip',
  'tar.zst': 'application/zstd',
  tar: 'application/x-tar',
}

export const FORMATS = Object.keys(MEDIA_TYPES) as readonly ArchiveFormat[] // the keys are its own

export interface Wishes {
  readonly format?: ArchiveFormat
  /** The request's headers of these names. */
  readonly accept?: string
  readonly accept_encoding?: string
}

/**
 * What `format` says; else the media type of an archive that `Accept` ranks first; else zstd where
 * `Accept-Encoding` names it and not gzip. Otherwise gzip: most clients name neither, and fetch names all.
 */
export function chooseFormat({ format, accept = '', accept_encoding = '' }: Wishes): ArchiveFormat {
  if (format !== undefined) return format
  const types = ranked(accept)
  const named = types.flatMap((type) => FORMATS.find((one) => MEDIA_TYPES[one] === type) ?? [])[0]
  if (named !== undefined) return named
  const codings = ranked(accept_encoding)
  return codings.includes('zstd') && !codings.includes('gzip') ? 'tar.zst' : 'tar.gz'
}

/** The names in a header of preferences, best first, without those of weight 0 (RFC 9110 12.4.2). */
function ranked(header: string): string[] {
  return header
    .toLowerCase()
    .split(',')
    .map((part) => {
      const [name = '', ...parameters] = part.split(';').map((piece) => piece.trim())
      const weight = parameters.find((piece) => piece.startsWith('q='))?.slice(2)
      return { name, weight: weight === undefined ? 1 : Number(weight) }
    })
    .filter(({ weight }) => weight > 0)
    .toSorted((a, b) => b.weight - a.weight)
    .map(({ name }) => name)
}

/** The name to save an archive of these paths under. */
export function archiveName(paths: readonly string[], format: ArchiveFormat): string {
  const [only = ''] = paths.length === 1 ? paths : []
  return `${basename(only) || 'archive'}.${format}`
}
