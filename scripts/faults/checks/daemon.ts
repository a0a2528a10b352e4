// The daemon itself and its remains: it ends only by a signal, leaves no process behind an orderly end and no temporary
// file behind a start, never answers with an internal error and always answers; and the changes that watchers told add
// up to the disk.
//
// After kill -9 its commands may live on: it had no time to end them, and without a control group nothing else does.

import { ofType, type AccountEvent, type EndEvent, type HistoryEvent } from '../history.ts'
import { violation, type Violation } from './violation.ts'

const daemon = violation('daemon')

export function checkDaemon(events: readonly HistoryEvent[]): Violation[] {
  return [
    ...ofType(events, 'wrong').map(({ what, client, at, detail }) =>
      daemon(`${what} (${client}, ${(at / 1000).toFixed(3)} s): ${detail}`),
    ),
    ...ofType(events, 'end').flatMap(checkEnd),
    ...ofType(events, 'start').flatMap(({ epoch, strays }) =>
      strays.after.map((path) => violation('temporary file')(`${path} is still there after start ${epoch}`)),
    ),
    ...ofType(events, 'rest').flatMap(({ temporary, state }) => [
      ...temporary.map((path) => violation('temporary file')(`${path} is left in the end`)),
      ...state.map((path) => violation('temporary file')(`${path} is left in the state directory`)),
    ]),
    ...ofType(events, 'account').flatMap(checkAccount),
  ]
}

function checkEnd({ epoch, by, code, signal, left, stderr }: EndEvent): Violation[] {
  const how = code === null ? `signal ${signal}` : `code ${code}`
  if (by === null) return [daemon(`start ${epoch} ended by itself with ${how}: ${stderr}`)]
  if (by === 'SIGKILL') return []
  const orderly = code === 0 ? [] : [daemon(`start ${epoch} ended with ${how} after SIGTERM: ${stderr}`)]
  return [...orderly, ...left.map((one) => violation('leftover')(`${one} outlived the orderly end of start ${epoch}`))]
}

function checkAccount({ client, told, disk }: AccountEvent): Violation[] {
  const paths = new Set([...Object.keys(told), ...Object.keys(disk)])
  return [...paths].flatMap((path) => {
    if (told[path] === disk[path]) return []
    const shown = (what: string | undefined): string => what?.slice(0, 8) ?? 'nothing'
    return [violation('watcher')(`${client}: ${path} is ${shown(disk[path])}, told was ${shown(told[path])}`)]
  })
}
