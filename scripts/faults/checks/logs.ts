// A log that several clients append to: each acknowledged record is in it once and whole, in the order of the
// acknowledgements; one without an answer at most once, or torn if the daemon was killed during the write; a refused
// one never.

import { logRecord } from '../content.ts'
import { ofType, type AppendEvent, type EndEvent, type HistoryEvent } from '../history.ts'
import { violation, type Violation } from './violation.ts'

const wrong = violation('log')

/** A whole record, or a part that is none. */
const PIECE = /<[^<>]*>\n|<[^<>]*/g

export function checkLogs(events: readonly HistoryEvent[]): Violation[] {
  const appends = Map.groupBy(ofType(events, 'append'), ({ log }) => log)
  const kills = ofType(events, 'end').filter(({ by }) => by === 'SIGKILL')
  return ofType(events, 'log').flatMap(({ log, content }) => checkLog(log, content, appends.get(log) ?? [], kills))
}

function checkLog(
  log: string,
  content: string,
  appends: readonly AppendEvent[],
  kills: readonly EndEvent[],
): Violation[] {
  const found: Violation[] = []
  const records = new Map(appends.map((append) => [textOf(append), append]))
  const places = new Map<AppendEvent, number>()
  let place = 0
  let covered = 0
  for (const [piece] of content.matchAll(PIECE)) {
    covered += piece.length
    const append = records.get(piece)
    if (append === undefined) found.push(...torn(log, piece, appends, kills))
    else if (places.has(append)) found.push(wrong(`${log}: ${named(append)} is there twice`))
    else if (append.outcome === 'refused') found.push(wrong(`${log}: ${named(append)} is there, and was refused`))
    if (append !== undefined) places.set(append, place++)
  }
  if (covered !== content.length) found.push(wrong(`${log}: ${content.length - covered} bytes that no client appended`))
  for (const append of appends) {
    if (append.outcome === 'acknowledged' && !places.has(append)) found.push(wrong(`${log}: ${named(append)} is lost`))
  }
  return [...found, ...disordered(log, places)]
}

function torn(log: string, piece: string, appends: readonly AppendEvent[], kills: readonly EndEvent[]): Violation[] {
  const shown = `${JSON.stringify(piece.slice(0, 40))} (${piece.length} bytes)`
  const append = appends.find((one) => textOf(one).startsWith(piece))
  if (append === undefined) return [wrong(`${log}: ${shown} is no record and no part of one`)]
  // The client may have left before the kill; the daemon still writes what it received.
  const killed = kills.some(({ at }) => append.begin <= at)
  if (append.outcome === 'unknown' && killed) return []
  return [wrong(`${log}: ${named(append)} is torn: ${shown}`)]
}

/** Returns violations of the order: of two acknowledged records, the one answered before the other's send is first. */
function disordered(log: string, places: ReadonlyMap<AppendEvent, number>): Violation[] {
  const found: Violation[] = []
  const inOrder = [...places.keys()]
  // Backwards: the earliest answer of all records behind this one must not come before its question.
  let earliest: AppendEvent | undefined
  for (const append of inOrder.toReversed()) {
    if (earliest !== undefined && earliest.end < append.begin) {
      found.push(
        wrong(`${log}: ${named(append)} stands before ${named(earliest)}, which was answered before it was sent`),
      )
    }
    const answered = append.outcome === 'acknowledged'
    if (answered && (earliest === undefined || append.end < earliest.end)) earliest = append
  }
  return found
}

const textOf = ({ client, number, bytes }: AppendEvent): string => logRecord(client, number, bytes)

const named = ({ client, number, outcome }: AppendEvent): string => `record ${number} of ${client} (${outcome})`
