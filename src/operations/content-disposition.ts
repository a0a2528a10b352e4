// The Content-Disposition of an answer that is a file (RFC 6266 and 8187; T-08): a name of any characters becomes one
// header line that every client reads, and no name can end the line. Pure.

/**
 * Characters that a quoted string would need escapes for, or that not every client reads: control characters, quotes,
 * non-ASCII.
 */
const AWKWARD = /[^ !#-$&-.0-[\]-~]/gu

/** Returns the header's value. `attachment` is saved; `inline` may be shown in place. `name` is one path component. */
export function contentDisposition(kind: 'attachment' | 'inline', name: string): string {
  const plain = name.replaceAll(AWKWARD, '_')
  const exact = plain === name ? '' : `; filename*=UTF-8''${extended(name)}`
  return `${kind}; filename="${plain}"${exact}`
}

/**
 * Encodes by RFC 8187 3.2.1: everything but attr-char is percent-encoded; `encodeURIComponent` leaves a few more alone.
 */
function extended(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replaceAll(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
