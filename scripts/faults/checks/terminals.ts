// Terminals: the output that a connection received is what the terminal printed, from the connection's start, without a
// hole that was not announced; the exit comes once, behind the last byte, with the right code.

import { lengthOf } from '../content.ts'
import { ofType, type HistoryEvent, type TerminalEvent, type TerminalSeen } from '../history.ts'
import { faultsOf } from './output.ts'
import { violation, type Violation } from './violation.ts'

const wrong = violation('terminal')

export function checkTerminals(events: readonly HistoryEvent[]): Violation[] {
  const terminals = new Map(ofType(events, 'terminal').map((terminal) => [terminal.tag, terminal]))
  return ofType(events, 'terminal-seen').flatMap((seen) => {
    const terminal = terminals.get(seen.tag)
    return terminal === undefined ? [wrong(`${seen.tag} was seen and never asked for`)] : checkSight(terminal, seen)
  })
}

function checkSight(terminal: TerminalEvent, seen: TerminalSeen): Violation[] {
  const { tag, lines, code } = terminal
  const total = lengthOf(lines, '\r\n')
  const { segments, gaps, exits } = seen
  // Without an offset a connection begins with the oldest output that is kept.
  const from = seen.since ?? Math.min(segments[0]?.from ?? 0, ...gaps.map((gap) => gap.from))
  const found = faultsOf({ tag, lines, ending: '\r\n' }, { from, segments, gaps })
  if (exits.length > 1) found.push(`${exits.length} exits`)
  for (const exit of exits) {
    if (exit.code !== code) found.push(`ended with ${exit.code} instead of ${code}`)
    if (exit.offset !== total) found.push(`its exit came behind byte ${exit.offset} of ${total}`)
  }
  return found.map((fault) => wrong(`${tag} (id ${terminal.id} of start ${terminal.epoch}): ${fault}`))
}
