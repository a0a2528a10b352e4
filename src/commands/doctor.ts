// `doctor`: looks at everything that the daemon needs, without starting it and without changing anything, and says
// for each what is so and, where it is not well, what to do. Exit code 1 where something would keep it from serving.

import { openAssets } from '../base/assets.ts'
import { StartError } from '../base/start-error.ts'
import { checkToken } from './token-check.ts'
import { fail, ok, shown, summed, type Check, type Finding } from './doctor/finding.ts'
import { jwtFindings, type JwtSetup } from './doctor/jwt.ts'
import { machineChecks, watchingCheck } from './doctor/machine.ts'
import { placeChecks, type Places } from './doctor/place.ts'
import { portCheck } from './doctor/port.ts'
import { programChecks } from './doctor/programs.ts'
import { findDaemon, type Address } from './local-daemon.ts'

export interface Setup extends Places, Address, JwtSetup {
  readonly cacheDirectory: string
  readonly addressGiven: boolean
  readonly environment: Readonly<Record<string, string>>
}

export interface DoctorOptions {
  /** As the configuration has it, or why it cannot be used. */
  readonly setup: Setup | StartError
  readonly json: boolean
  readonly print: (text: string) => void
}

/** The exit code. */
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
  using assets = unpacked(setup.cacheDirectory)
  const token = async (): Promise<string | undefined> => (await checkToken(setup.tokens)).token
  const { finding } = assets
  const native = finding.state === 'fail' ? [] : [watchingCheck, ...programChecks(setup.environment)]
  return [
    ok('configuration', 'can be used'),
    ...(await results([portCheck(await findDaemon(setup), token), ...placeChecks(setup)])),
    ...(await jwtFindings(setup)),
    finding,
    ...(await results([...machineChecks, ...native])),
  ]
}

/** One after the other: they are few, and some look at the same things. */
async function results(checks: readonly Check[]): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for (const { what, look } of checks) {
    try {
      findings.push(await look())
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      findings.push(fail(what, `cannot be looked at: ${why}`, 'see what the sentence says'))
    }
  }
  return findings
}

/** The parts of the executable that must be files. */
function unpacked(directory: string): { readonly finding: Finding } & Disposable {
  const what = 'own parts'
  const todo = 'set XDG_CACHE_HOME to a folder where files may be written and executed'
  try {
    const assets = openAssets({ directory })
    const [problem] = assets.problems
    const finding: Finding =
      problem === undefined ? ok(what, 'are in place') : { what, state: 'warn', says: problem, todo }
    return { finding, [Symbol.dispose]: () => assets[Symbol.dispose]() }
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    return { finding: fail(what, error.message, todo), [Symbol.dispose]: () => undefined }
  }
}
