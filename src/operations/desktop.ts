// The desktop of a workspace image (protocol.md#desktop), which this release does not have: the status says so, and
// every other path of /desktop (transports/entries.ts) is refused with `noDesktop`. All paths are at the root, none
// below /runtimes/<id>.

import { Fault } from '../base/fault.ts'
import { operation } from '../operation.ts'
import { Type } from '../schema.ts'

export const desktopStatus = operation({
  name: 'desktop_status',
  title: 'Desktop status',
  summary: 'Tells whether the workspace has a desktop; in this release it never has.',
  scope: 'none',
  area: 'Desktop',
  input: Type.Object({}),
  output: Type.Object({
    supported: Type.Boolean(),
    enabled: Type.Boolean(),
    available: Type.Boolean(),
    credentials: Type.Boolean(),
    transports: Type.Array(Type.String(), { description: 'browser, vnc' }),
  }),
  routes: [{ method: 'GET', path: '/desktop/status', rootOnly: true }],
  example: {},
  run: () =>
    Promise.resolve({ supported: false, enabled: false, available: false, credentials: false, transports: [] }),
})

/** The refusal of every other request and of every socket at /desktop and below. */
export function noDesktop(): Fault {
  return new Fault('not_supported', 'this daemon has no desktop; GET /desktop/status says so too')
}
