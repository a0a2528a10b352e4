// Checks of the JWT configuration: whether its keys can be used, and in which respects it accepts more than it should.

import { StartError } from '../../base/signals.ts'
import { jwtAdvice } from '../../transports/credentials/jwt-advice.ts'
import { openJwtVerifier, type JwtOptions } from '../../transports/credentials/jwt.ts'
import { fail, ok, warn, type Finding } from './finding.ts'

export interface JwtSetup {
  /** Undefined: no JWT is accepted. Throws StartError where a key file cannot be used. */
  readonly jwt: () => Promise<JwtOptions | undefined>
}

const WHAT = 'jwt'

/** None where no JWT is configured. A key set behind a URL is not fetched. */
export async function jwtFindings({ jwt }: JwtSetup): Promise<readonly Finding[]> {
  try {
    const options = await jwt()
    if (options === undefined) return []
    await using _verifier = await openJwtVerifier(options)
    const advice = jwtAdvice(options)
    if (advice.length === 0) return [ok(WHAT, 'keys can be used')]
    return advice.map(({ says, todo }) => warn(WHAT, says, todo))
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    return [fail(WHAT, error.message, 'correct it; the daemon does not start before')]
  }
}
