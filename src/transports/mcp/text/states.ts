// Commands, terminals, watchers and paths for a model, each in a line, and the result of an action on one. Fields that
// a line leaves out are among the facts. Pure.

import {
  counted,
  cutAt,
  grouped,
  HINT_CHARACTERS,
  RESULT_CHARACTERS,
  call,
  countOf,
  livesOn,
  named,
  textOf,
  textView,
  type Body,
  type Subject,
  type View,
} from './view.ts'

const ROOM = RESULT_CHARACTERS - HINT_CHARACTERS
/** Characters of a command in a list. */
const COMMAND_CHARACTERS = 200

export function factsView({ body }: Subject): View {
  const size = countOf(body, 'size') ?? 0
  const link = textOf(body, 'symlink_target')
  const kind = textOf(body, 'special') || textOf(body, 'type')
  const owner = `uid ${String(body['uid'])}, gid ${String(body['gid'])}`
  const what = link === '' ? `${kind}, ${counted(size, 'byte')}` : `symlink to ${named(link)}`
  const line = `${named(textOf(body, 'path'))}: ${what}, ${textOf(body, 'permissions')}, ${owner}, modified ${textOf(body, 'modified')}.`
  return textView([line], ['success'])
}

export function commandsView({ body, more }: Subject): View {
  const lines = listIn(body, 'tasks').map((task) => {
    const state = task['status'] === 'running' ? 'running' : `${textOf(task, 'status')} ${String(task['exit_code'])}`
    return `${textOf(task, 'id')}  ${state}  since ${textOf(task, 'started_at')}  ${commandOf(task)}`
  })
  const hint =
    lines.length === 0 ? '' : `[output: ${call(more, { id: textOf(listIn(body, 'tasks').at(-1) ?? {}, 'id') })}]`
  return listView(counted(lines.length, 'command'), lines, hint, 'tasks')
}

export function inputView({ body, asked }: Subject): View {
  const bytes = countOf(body, 'bytes_written') ?? 0
  const [noun, id] =
    'terminal_id' in body ? ['terminal', body['terminal_id']] : ['command', asked['id'] ?? asked['task_id']]
  const end = asked['eof'] === true || asked['eof'] === 'true' ? ' Its stdin is closed.' : ''
  return textView([`Written: ${counted(bytes, 'byte')} to ${noun} ${String(id)}.${end}`], ['success'])
}

export function terminalView({ body, more }: Subject): View {
  if (!('command' in body)) return changedTerminalView(body)
  const read = call(more, { id: textOf(body, 'id'), from: 0, wait_seconds: 20 })
  return textView([`Terminal ${terminalLine(body)}.`, `[what it prints: ${read}]`], ['success'])
}

function changedTerminalView(body: Body): View {
  const id = String(body['terminal_id'] ?? body['id'])
  const [cols, rows] = [countOf(body, 'cols'), countOf(body, 'rows')]
  if (cols !== undefined) return textView([`Terminal ${id} has ${cols} columns and ${String(rows)} rows.`], ['success'])
  return textView([`Terminal ${id} is closed and forgotten.${livesOn(body)}`], ['success'])
}

export function terminalsView({ body, more }: Subject): View {
  const all = listIn(body, 'terminals')
  const lines = all.map(terminalLine)
  const hint = all.length === 0 ? '' : `[output: ${call(more, { id: textOf(all.at(-1) ?? {}, 'id'), from: 0 })}]`
  return listView(counted(lines.length, 'terminal'), lines, hint, 'terminals')
}

function terminalLine(entry: Body): string {
  const alive = entry['alive'] === true
  const state = alive ? 'alive' : `ended with code ${String(entry['exit_code'])}`
  const size = `${String(entry['cols'])}×${String(entry['rows'])}`
  return `${textOf(entry, 'id')}  ${state}  ${size}  in ${named(textOf(entry, 'cwd'))}  ${commandOf(entry)}`
}

export function watcherView({ body, asked, more }: Subject): View {
  const id = textOf(body, 'id')
  if (!('root' in body)) return textView([`Watcher ${id} is deleted.`], ['success'])
  const next = call(more, { id, since: textOf(body, 'cursor'), wait_seconds: 20 })
  const changes = asked['since'] === undefined ? [] : changeLines(body)
  const lost = body['resync'] === true ? 'What happened is not known any more: list the files anew.' : ''
  const none = asked['since'] !== undefined && changes.length === 0 && lost === '' ? 'No change.' : ''
  const on = body['more'] === true ? 'there are more changes' : 'what follows'
  return textView(
    [`Watcher ${watcherLine(body)}.`, lost, none, ...changes, `[${on}: ${next}]`],
    ['success', 'watcher', 'changes'],
  )
}

function changeLines(body: Body): string[] {
  const root = textOf(body, 'root')
  const below = (path: string): string => named(path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path)
  return listIn(body, 'changes').map((change) => {
    const [to, from] = [textOf(change, 'to'), textOf(change, 'from')]
    const way = to === '' ? (from === '' ? '' : ` (from ${below(from)})`) : ` -> ${below(to)}`
    return `${textOf(change, 'op')}  ${below(textOf(change, 'path'))}${change['directory'] === true ? '/' : ''}${way}`
  })
}

export function watchersView({ body, more }: Subject): View {
  const all = listIn(body, 'watchers')
  const hint =
    all.length === 0
      ? ''
      : `[changes: ${call(more, { id: textOf(all.at(-1) ?? {}, 'id'), since: textOf(all.at(-1) ?? {}, 'cursor') })}]`
  return listView(counted(all.length, 'watcher'), all.map(watcherLine), hint, 'watchers')
}

function watcherLine(watcher: Body): string {
  const state = watcher['active'] === true ? '' : ', no longer active'
  const problem = textOf(watcher, 'problem')
  return `${textOf(watcher, 'id')}: ${named(textOf(watcher, 'root'))}, ${counted(countOf(watcher, 'dirs') ?? 0, 'directory').replace('directorys', 'directories')}${state}${problem === '' ? '' : `, ${problem}`}`
}

/** Shows the newest lines if there are too many. */
function listView(what: string, lines: readonly string[], hint: string, field: string): View {
  let free = ROOM
  const from = lines.findLastIndex((line) => (free -= line.length + 1) < 0) + 1
  const left = from > 0 ? `[${grouped(from)} older ones are left out]` : ''
  return textView([`${what}${lines.length === 0 ? '.' : ':'}`, left, ...lines.slice(from), hint], ['success', field])
}

function commandOf(entry: Body): string {
  const { command } = entry
  const words = Array.isArray(command) ? (command as readonly string[]).map(named).join(' ') : ''
  return words.length <= COMMAND_CHARACTERS ? words : `${cutAt(words, COMMAND_CHARACTERS)}…`
}

function listIn(body: Body, field: string): readonly Body[] {
  const value = body[field]
  return Array.isArray(value) ? (value as readonly Body[]) : [] // the operation's own output
}
