// Checks of the places that the daemon works in: its token, its state directory with the commands that a killed daemon
// left, the working directory, temporary files, /proc.

import { accessSync, constants, existsSync, mkdtempSync, rmdirSync, statfsSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { errnoOf } from '../../base/fault.ts'
import type { TokenSources } from '../../config/token-store.ts'
import { ORPHANS, orphansMessage, WORKDIR } from '../../workspace/conditions.ts'
import { orphansOf } from '../../workspace/exec/earlier-life.ts'
import { identityOf } from '../../workspace/exec/task-ids.ts'
import { checkToken } from '../token.ts'
import { fail, found, ok, warn, type Check, type Finding } from './finding.ts'

export interface WorkingPlaces {
  readonly stateDirectory: string
  /** Working directory of a daemon that is started as this command was. */
  readonly workdir: string
  /** False: it is the directory that this command was started in, which says nothing of a daemon started elsewhere. */
  readonly workdirChosen: boolean
  /** Working directory of the running daemon; if known, it is checked in place of `workdir`. */
  readonly runningWorkdir?: string | undefined
  readonly tokens: TokenSources
}

export function placeChecks(places: WorkingPlaces): readonly Check[] {
  const { stateDirectory, tokens } = places
  const state = [stateDirectory]
  const kept = [...state, tokens.file, tokens.credential].filter((path) => path !== undefined)
  const ofToken = tokens.fromEnvironment === undefined ? kept : []
  return [
    { what: 'token', needs: ofToken, look: () => tokenFinding(tokens) },
    { what: 'state directory', needs: state, look: () => stateFinding(stateDirectory, tokens) },
    { what: 'left commands', needs: state, look: async () => await leftFinding(stateDirectory) },
    { what: 'workdir', needs: [places.runningWorkdir ?? places.workdir], look: () => workdirFinding(places) },
    { what: 'temporary files', needs: [tmpdir()], look: temporaryFinding },
    { what: '/proc', look: procFinding },
  ]
}

async function tokenFinding(sources: TokenSources): Promise<Finding> {
  const { token, problems } = await checkToken(sources)
  const from = sources.fromEnvironment === undefined ? 'kept in a file' : 'from RUNTIME_TOKEN'
  if (problems.length === 0) return ok('token', from)
  const said = problems.join('; ')
  // No token yet is no failure if nothing else is wrong: the daemon makes one.
  if (token === undefined && problems.length === 1 && said.includes('the daemon makes one')) return ok('token', said)
  return fail('token', said, 'correct that, or make a new one with `workspace-runtime token rotate`')
}

function stateFinding(directory: string, { fromEnvironment, file }: TokenSources): Finding {
  const place = nearestExisting(directory)
  const refused = unwritable(place)
  const todo = 'set XDG_STATE_HOME, or STATE_DIRECTORY in a unit, to a folder that the daemon may write'
  if (refused === undefined)
    return ok('state directory', place === directory ? directory : `${directory} (will be made)`)
  const says = `${directory} cannot be written: ${refused}`
  if (fromEnvironment === undefined && file === undefined) return fail('state directory', says, todo)
  return warn('state directory', `${says}; interrupted writes leave temporary files`, todo)
}

function workdirFinding({ workdir: begun, workdirChosen, runningWorkdir }: WorkingPlaces): Finding {
  const workdir = runningWorkdir ?? begun
  try {
    accessSync(workdir, constants.X_OK | constants.R_OK)
    if (!statSync(workdir).isDirectory()) throw Object.assign(new Error('not a directory'), { code: 'ENOTDIR' })
  } catch (error) {
    const says = `${workdir} cannot be entered: ${errnoOf(error) ?? String(error)}`
    return found('workdir', WORKDIR, says, 'choose one with --workdir')
  }
  const refused = unwritable(workdir)
  const here = `${workdir} (of a daemon that is started here; --workdir names another)`
  const whose = runningWorkdir === undefined ? (workdirChosen ? workdir : here) : `${workdir} (of the running daemon)`
  if (refused === undefined) return ok('workdir', whose)
  return warn(
    'workdir',
    `${workdir} cannot be written: ${refused}`,
    'choose another with --workdir, or give it to the user',
  )
}

/** Free bytes for scripts too long for an argument, which lie there while they run: a few MiB at most. */
const LEAST_FREE = 64 * 1024 * 1024

function temporaryFinding(): Finding {
  const what = 'temporary files'
  const directory = tmpdir()
  const refused = unwritable(directory)
  const todo = `make room in ${directory}, or set TMPDIR to another folder`
  if (refused !== undefined) return warn(what, `${directory} cannot be written: ${refused}`, todo)
  const { bavail, bsize } = statfsSync(directory)
  const free = bavail * bsize
  const says = `${directory} has ${Math.floor(free / 1024 / 1024)} MiB free`
  return free < LEAST_FREE ? warn(what, says, todo) : ok(what, says)
}

function procFinding(): Finding {
  if (existsSync('/proc/self/fd')) return ok('/proc', 'is mounted')
  const todo = 'mount it: mount -t proc proc /proc'
  return warn('/proc', 'is not mounted: processes that a command leaves behind are not found', todo)
}

/** Returns the folder, or the nearest one above it that exists. */
function nearestExisting(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path))
}

/** Tries to make a file there and returns the reason if it fails: rights alone do not tell of a read-only disk. */
function unwritable(directory: string): string | undefined {
  try {
    rmdirSync(mkdtempSync(join(directory, '.workspace-runtime-doctor-')))
    return undefined
  } catch (error) {
    return errnoOf(error) ?? String(error)
  }
}

/** Looks for commands that a killed daemon left running. */
async function leftFinding(stateDirectory: string): Promise<Finding> {
  const what = 'left commands'
  const identity = await identityOf(join(stateDirectory, 'exec'))
  const ids = identity === undefined ? [] : [...(await orphansOf(identity)).keys()]
  const message = orphansMessage(ids)
  if (message === undefined) return ok(what, 'there are none of a daemon that was killed')
  return found(what, ORPHANS, message, `start the daemon, ${ORPHANS.todo}`)
}
