// Tells an operator that a JWT configuration accepts more tokens than it seems to: the start logs it, `doctor` prints
// it. Pure.

import type { JwtOptions } from './jwt.ts'

export interface JwtAdvice {
  readonly says: string
  readonly todo: string
}

export function jwtAdvice(options: JwtOptions): readonly JwtAdvice[] {
  const advice: JwtAdvice[] = []
  if (options.audience === undefined && options.workspace === undefined) {
    advice.push({
      says: 'neither jwt.audience nor jwt.workspace is set: a token that the same signer made for another workspace is accepted',
      todo: 'set jwt.audience to the claim "aud", or jwt.workspace to the claim "ws", of the tokens for this workspace',
    })
  }
  if (options.requireScope !== true) {
    advice.push({
      says: 'jwt.require_scope is not set: a token without the claim "scope" allows everything',
      todo: 'set jwt.require_scope to true where every token of the signer carries "scope"',
    })
  }
  return advice
}
