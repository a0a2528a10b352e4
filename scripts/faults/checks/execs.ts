// Commands: each ran once where it was answered, at most once where it was not, never where it was refused; its
// output came as it was printed, a prefix where the answer was cut and all of it where an exit came; it has one
// exit, the right one, in every answer that tells it; and no id stands for two.

import { lengthOf } from '../content.ts'
import { ofType, type ExecEvent, type ExecSeen, type HistoryEvent } from '../history.ts'
import { endOf, faultsOf } from './output.ts'
import { violation, type Violation } from './violation.ts'

const output = violation('output')
const exit = violation('exit')
const once = violation('run once')

export function checkExecs(events: readonly HistoryEvent[]): Violation[] {
  const execs = new Map(ofType(events, 'exec').map((exec) => [exec.tag, exec]))
  const seen = ofType(events, 'exec-seen')
  const found = seen.flatMap((sight) => {
    const exec = execs.get(sight.tag)
    return exec === undefined ? [output(`${sight.tag} was seen and never asked for`)] : checkSight(exec, sight)
  })
  const ended = new Set(seen.filter(({ codes }) => codes.length > 0).map(({ tag }) => tag))
  const ran = ofType(events, 'ran').flatMap(({ tags }) => checkRuns([...execs.values()], tags, ended))
  return [...found, ...ran, ...sharedIds([...execs.values()])]
}

function checkSight(exec: ExecEvent, sight: ExecSeen): Violation[] {
  const what = `${exec.tag} (${exec.form}, seen by ${sight.via})`
  const found: Violation[] = []
  const { codes } = sight
  if (codes.length > 1) found.push(exit(`${what} has ${codes.length} exits: ${codes.join(', ')}`))
  const other = codes.find((code) => code !== exec.code)
  if (other !== undefined) found.push(exit(`${what} ended with ${other} instead of ${exec.code}`))
  if (sight.late > 0) found.push(exit(`${what} went on after its exit`))
  if (sight.missing === true) found.push(exit(`${what} is not known to the daemon that named it ${exec.id}`))
  const streamed = sight.via === 'stream' || sight.via === 'attach'
  if (streamed && sight.clean && codes.length === 0) found.push(exit(`${what} ended cleanly without an exit`))
  for (const name of ['out', 'err'] as const) {
    const came = { from: 0, segments: sight[name], gaps: sight.gaps[name] }
    const lines = exec[name]
    found.push(
      ...faultsOf({ tag: exec.tag, lines, ending: '\n' }, came).map((fault) => output(`${what}, std${name}: ${fault}`)),
    )
    const [end, total] = [endOf(came), lengthOf(lines, '\n')]
    // A request for the state carries no output.
    if (codes.length > 0 && sight.via !== 'get' && end < total) {
      found.push(output(`${what}, std${name}: ended after ${end} bytes of ${total}`))
    }
  }
  return found
}

function checkRuns(execs: readonly ExecEvent[], tags: readonly string[], ended: ReadonlySet<string>): Violation[] {
  const runs = Map.groupBy(tags, (tag) => tag)
  return execs.flatMap(({ tag, outcome, form }) => {
    const times = runs.get(tag)?.length ?? 0
    if (times > 1) return [once(`${tag} (${form}) ran ${times} times`)]
    if (times > 0 && outcome === 'refused') return [once(`${tag} (${form}) ran and was refused`)]
    return times === 0 && ended.has(tag) ? [once(`${tag} (${form}) has an exit and never ran`)] : []
  })
}

function sharedIds(execs: readonly ExecEvent[]): Violation[] {
  const named = execs.filter(({ id, epoch }) => id !== undefined && epoch !== undefined)
  const byId = Map.groupBy(named, ({ id, epoch }) => `${epoch}/${id}`)
  return [...byId].flatMap(([id, those]) =>
    those.length > 1 ? [exit(`${those.map(({ tag }) => tag).join(' and ')} have one id, ${id}`)] : [],
  )
}
