// Checks of the programs that the daemon starts: its native library, a command, a terminal, ripgrep, and the service
// manager's own word on the unit.

import { closeSync, existsSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { ripgrepPath } from '../../base/assets.ts'
import { errnoOf } from '../../base/fault.ts'
import { openPty } from '../../native/pty.ts'
import { SEARCH } from '../../workspace/conditions.ts'
import { openChildren, type Children } from '../../workspace/processes/child.ts'
import { ripgrepVersion } from '../../workspace/search/ripgrep-engine.ts'
import { fail, found, ok, warn, type Check, type Finding } from './finding.ts'

/** Time limit of a program that answers at once or is broken. */
const PROGRAM_MS = 10_000
const UNIT = 'runtime.service'

export function programChecks(environment: Readonly<Record<string, string>>): readonly Check[] {
  const asking = (look: (children: Children) => Promise<Finding>) => async (): Promise<Finding> => {
    await using children = openChildren()
    return await look(children)
  }
  const ask = (argv: readonly [string, ...string[]]) => (children: Children) => output({ children, environment }, argv)
  return [
    { what: 'commands', look: asking(async (children) => commandFinding(await ask(ECHO)(children))) },
    { what: 'terminals', look: terminalFinding },
    { what: 'ripgrep', look: asking(async (children) => await ripgrepFinding(children, environment)) },
    { what: 'systemd', look: asking(async (children) => await systemdFinding((argv) => ask(argv)(children))) },
  ]
}

const ECHO = ['/bin/sh', '-c', 'echo well'] as const

function commandFinding(printed: string): Finding {
  if (printed.trim() === 'well') return ok('commands', 'start and are heard')
  return fail(
    'commands',
    'a command was started and not heard',
    'start the daemon with --log-level debug and report it',
  )
}

function terminalFinding(): Finding {
  try {
    const { master, slave } = openPty({ cols: 80, rows: 24 })
    closeSync(slave)
    closeSync(master)
    return ok('terminals', 'can be opened')
  } catch (error) {
    const why = errnoOf(error) ?? String(error)
    const todo = 'mount devpts on /dev/pts, with /dev/ptmx linked to pts/ptmx; or raise sysctl kernel.pty.max'
    return fail('terminals', `none can be opened: ${why}`, todo)
  }
}

async function ripgrepFinding(children: Children, environment: Readonly<Record<string, string>>): Promise<Finding> {
  const binary = ripgrepPath()
  const instead = 'content search answers 503'
  if (binary === undefined) return found('ripgrep', SEARCH, `none came with this daemon for this machine; ${instead}`)
  try {
    return ok('ripgrep', await ripgrepVersion({ children, binary, environment }))
  } catch (error) {
    return found(
      'ripgrep',
      SEARCH,
      `does not run: ${error instanceof Error ? error.message : String(error)}; ${instead}`,
    )
  }
}

type Ask = (argv: readonly [string, ...string[]]) => Promise<string>

async function systemdFinding(ask: Ask): Promise<Finding> {
  if (!existsSync('/run/systemd/system')) {
    return ok('systemd', 'does not run this machine: start the daemon with `workspace-runtime serve`')
  }
  const [version = 'systemd'] = (await ask(['systemctl', '--version'])).split('\n')
  const unit = unitFacts(await ask(['systemctl', 'show', UNIT, '--property=LoadState,ActiveState,SubState,Result']))
  return unitFinding(version, unit)
}

export function unitFacts(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(text.split('\n').flatMap((line) => [line.split('=', 2) as [string, string]]))
}

/** Judges the unit's properties. Exported for its test. */
export function unitFinding(version: string, unit: Readonly<Record<string, string>>): Finding {
  const { LoadState: load, ActiveState: active, SubState: sub, Result: result } = unit
  if (load === undefined || load === 'not-found') return ok('systemd', `${version}; ${UNIT} is not installed`)
  const says = `${version}; ${UNIT} is ${active} (${sub})`
  if (active === 'active' || active === 'activating') return ok('systemd', says)
  if (active === 'failed') return fail('systemd', `${says}: ${result}`, `journalctl -u ${UNIT} says why`)
  return warn('systemd', says, `systemctl enable --now runtime.socket ${UNIT}`)
}

interface Means {
  readonly children: Children
  readonly environment: Readonly<Record<string, string>>
}

/** Returns what a program prints, up to 64 KiB. Throws if it cannot be started. */
async function output({ children, environment }: Means, argv: readonly [string, ...string[]]): Promise<string> {
  await using child = await children.spawn({ argv, cwd: '/', env: environment, stdin: 'empty' })
  const late = setTimeout(() => child.signalGroup('SIGKILL'), PROGRAM_MS)
  try {
    const [text] = await Promise.all([readAll(child.stdout), readAll(child.stderr), child.exited])
    return text
  } finally {
    clearTimeout(late)
  }
}

async function readAll(stream: Readable): Promise<string> {
  let text = ''
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    if (text.length < 64 * 1024) text += Buffer.from(chunk).toString()
  }
  return text
}
