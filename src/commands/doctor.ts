// `doctor`: checks everything that the daemon needs, without starting it and without changing anything, and says for
// each item its state and, if that is bad, what to do. Exit code 1 if an item would keep the daemon from serving.

import { NOT_UNPACKED, openAssets } from '../base/assets.ts'
import { StartError } from '../base/signals.ts'
import { checkToken } from './token.ts'
import { fail, found, foundRunning, ok, shown, summed, warn, type Check, type Finding } from './doctor/finding.ts'
import { machineChecks, portCheck, watchingCheck } from './doctor/machine.ts'
import { placeChecks, type WorkingPlaces } from './doctor/places.ts'
import { programChecks } from './doctor/programs.ts'
import { askDaemon, findDaemon, workdirAt, type Address } from './status.ts'
import { localTemporary, silentAmong, workdirPlace, type SilentPlace } from './silent-places.ts'
import { jwtAdvice } from '../transports/credentials/jwt-advice.ts'
import { openJwtVerifier, type JwtOptions } from '../transports/credentials/jwt.ts'

export interface Setup extends WorkingPlaces, Address, JwtSetup {
  readonly cacheDirectory: string
  /** Places of the configuration that do not answer: the checks skip them. */
  readonly silent: readonly SilentPlace[]
  readonly addressGiven: boolean
  /** True if the command line names the working directory. */
  readonly workdirGiven: boolean
  readonly environment: Readonly<Record<string, string>>
}

export interface DoctorOptions {
  /** The configuration, or the reason why it cannot be used. */
  readonly setup: Setup | StartError
  readonly json: boolean
  readonly print: (text: string) => void
}

/** Resolves with the exit code. */
export async function doctor({ setup, json, print }: DoctorOptions): Promise<number> {
  const findings = await findingsOf(setup)
  const well = findings.every(({ state }) => state !== 'fail')
  if (json) print(`${JSON.stringify({ ok: well, findings }, undefined, 2)}\n`)
  else print(shown(findings) + summed(findings))
  return well ? 0 : 1
}

async function findingsOf(setup: Setup | StartError): Promise<readonly Finding[]> {
  if (setup instanceof StartError) {
    const todo = 'correct it; what depends on it is checked then'
    return [fail('configuration', setup.message, todo), ...(await results(machineChecks))]
  }
  const { silent, tokens } = setup
  const isSilent = (path: string | undefined): boolean => silent.some((one) => one.path === path)
  using assets = unpacked(isSilent(setup.cacheDirectory) ? undefined : setup.cacheDirectory, silent)
  const kept = [setup.stateDirectory, tokens.file, tokens.credential]
  const token = async (): Promise<string | undefined> =>
    kept.some(isSilent) ? tokens.fromEnvironment : (await checkToken(tokens)).token
  const address = isSilent(setup.stateDirectory) ? { host: setup.host, port: setup.port } : await findDaemon(setup)
  const { runningWorkdir, silent: alsoSilent } = setup.workdirGiven ? NOT_ASKED : await running(address, token)
  const { finding } = assets
  const native = finding.state === 'fail' ? [] : [watchingCheck, ...programChecks(setup.environment)]
  const answer = await askDaemon(address, token)
  const findings = [
    ok('configuration', 'can be used'),
    ...(await results(
      [portCheck(address, answer), ...placeChecks({ ...setup, runningWorkdir })],
      [...silent, ...alsoSilent],
    )),
    ...(silent.some(({ what }) => what.includes('jwt')) ? [] : await jwtFindings(setup)),
    ...silent.filter(({ what }) => what.includes('jwt')).map(({ says, todo }) => fail('jwt', says, todo)),
    finding,
    ...(await results([...machineChecks, ...native])),
  ]
  return [...findings, ...(answer.kind === 'ours' ? foundRunning(answer.detail.conditions ?? [], findings) : [])]
}

/** Returns the working directory of the running daemon, and that directory again if it does not answer. */
async function running(address: Address, token: () => Promise<string | undefined>) {
  const runningWorkdir = await workdirAt(address, await token())
  const places = runningWorkdir === undefined ? [] : workdirPlace(runningWorkdir)
  return { runningWorkdir, silent: await silentAmong(places) }
}

const NOT_ASKED = { runningWorkdir: undefined, silent: [] }

/** Runs the checks one after the other: they are few, and some look at the same things. */
async function results(checks: readonly Check[], silent: readonly SilentPlace[] = []): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for (const { what, look, needs = [] } of checks) {
    const missing = silent.find(({ path }) => needs.includes(path))
    if (missing !== undefined) {
      findings.push(fail(what, missing.says, missing.todo))
      continue
    }
    try {
      findings.push(await look())
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      findings.push(fail(what, `cannot be looked at: ${why}`, 'see what the sentence says'))
    }
  }
  return findings
}

/** Unpacks the parts of the executable that must be files. */
function unpacked(
  directory: string | undefined,
  silent: readonly SilentPlace[],
): { readonly finding: Finding } & Disposable {
  const what = 'own parts'
  const todo = 'set XDG_CACHE_HOME to a folder where files may be written and executed'
  try {
    const assets = openAssets({ directory, temporary: directory === undefined ? localTemporary() : undefined })
    const problem =
      directory === undefined
        ? silent.find(({ what: cache }) => cache === 'the cache directory')?.says
        : assets.problems[0]
    const finding: Finding = problem === undefined ? ok(what, 'are in place') : found(what, NOT_UNPACKED, problem, todo)
    return { finding, [Symbol.dispose]: () => assets[Symbol.dispose]() }
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    return { finding: fail(what, error.message, todo), [Symbol.dispose]: () => undefined }
  }
}

interface JwtSetup {
  /** Undefined: the daemon accepts no JWT. Throws StartError if a key file cannot be used. */
  readonly jwt: () => Promise<JwtOptions | undefined>
}

/**
 * Checks that the keys can be used, and that no more is accepted than should be. A key set behind a URL is not fetched.
 */
async function jwtFindings({ jwt }: JwtSetup): Promise<readonly Finding[]> {
  try {
    const options = await jwt()
    if (options === undefined) return []
    await using _verifier = await openJwtVerifier(options)
    const advice = jwtAdvice(options)
    if (advice.length === 0) return [ok('jwt', 'keys can be used')]
    return advice.map(({ says, todo }) => warn('jwt', says, todo))
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    return [fail('jwt', error.message, 'correct it; the daemon does not start before')]
  }
}
