// Makes JWTs by hand, as a gateway signs them.

import { createHmac } from 'node:crypto'

/** 32 bytes: what HS256 needs at least. */
export const HS256: Uint8Array = Buffer.alloc(32, 'jwt')

/** Signed with HS256. */
export function jwtOf(claims: Readonly<Record<string, unknown>>): string {
  const input = [{ alg: 'HS256', typ: 'JWT' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${input}.${createHmac('sha256', HS256).update(input).digest('base64url')}`
}
