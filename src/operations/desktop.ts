// The desktop of a workspace image (protocol.md#desktop), as far as this release has one: the status says that there is
// none, everything else answers 501. All of it stands at the root, never below /runtimes/<id>.

import { Fault } from '../base/fault.ts'
import { operation, type Method, type Route } from '../operation.ts'
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

const LATER: readonly (readonly [Method, string])[] = [
  ['POST', '/desktop/enable'],
  ['POST', '/desktop/disable'],
  ['GET', '/desktop/credentials'],
  ['GET', '/desktop/sessions'],
  ['POST', '/desktop/sessions'],
  ['GET', '/desktop/sessions/:id'],
  ['PATCH', '/desktop/sessions/:id'],
  ['DELETE', '/desktop/sessions/:id'],
  ['POST', '/desktop/sessions/:id/start'],
  ['POST', '/desktop/sessions/:id/stop'],
  ['GET', '/desktop/sessions/:id/status'],
]

/** What is at none of its routes here, over HTTP or as a WebSocket. */
export function noDesktop(): Fault {
  return new Fault('not_supported', 'this daemon has no desktop; GET /desktop/status says so too')
}

export const desktopUse = operation({
  name: 'desktop_use',
  title: 'Use the desktop',
  summary: 'Answers 501: this release has no desktop.',
  scope: 'none',
  area: 'Desktop',
  input: Type.Object({ id: Type.Optional(Type.String({ maxLength: 64, description: 'A session of the desktop.' })) }),
  output: Type.Object({}),
  routes: [
    // The page, which a browser opens by its address alone.
    { method: 'GET', path: '/desktop', rootOnly: true, queryToken: true },
    ...LATER.map(([method, path]): Route<{ id?: string }> => ({ method, path, rootOnly: true })),
  ],
  statuses: [501],
  example: { id: 'console' },
  run: () => Promise.reject(noDesktop()),
})
