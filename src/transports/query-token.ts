// The token in a query, for those who cannot send headers: browsers that open a WebSocket or a page by its address
// (protocol.md#auth). Once read it is gone from the query, so that nobody further inside meets it.

import { Fault } from '../base/fault.ts'

export function takeToken(query: URLSearchParams): string | undefined {
  const tokens = query.getAll('token')
  query.delete('token')
  if (tokens.length > 1) throw new Fault('bad_request', 'the query has more than one token; one is accepted')
  return tokens[0]
}
