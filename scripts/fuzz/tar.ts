// Runs the archives: in a process that unpacks them as the daemon's thread does (tar-process.ts), and a hundredth
// as many through POST /files/transfer/upload, where each has a thread to itself.

import { fork } from 'node:child_process'
import { chownSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { chanceOf, type Random } from './chance.ts'
import type { HttpFuzzer, Plan } from './exchanges.ts'
import { AUTHORIZATION, whole, type HttpCase, type Place } from './request.ts'
import { isRoot, NOBODY, type Sandbox } from './subject.ts'
import type { Tally } from './tally.ts'
import { tarCase } from './tar-case.ts'
import { TAR, type TarNews, type TarOrders } from './tar-process.ts'
import { openWatchdog, type Watched } from './watchdog.ts'

/** Uploads for each hundred archives in process. */
export const UPLOAD_SHARE = 0.01
/** Limits of the heap, so that memory that waits for the collector does not look like a leak. */
const HEAP = ['--max-old-space-size=64', '--max-semi-space-size=1']
/** Time without news after which the process counts as hanging. */
const SILENT_MS = 30_000

export async function runTar(plan: Plan, sandbox: Sandbox, tally: Tally): Promise<Watched> {
  const directory = mkdtempSync(join(sandbox.directory, 'tar-'))
  if (isRoot) chownSync(directory, NOBODY, NOBODY)
  const child = fork(join(import.meta.dirname, 'tar-process.ts'), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: HEAP,
    // Folder of the user `nobody`, where the hook of the test runner notes a process at its end.
    env: { ...process.env, _TAPJS_PROCESSINFO_CWD_: directory },
  })
  const watchdog = openWatchdog(child.pid ?? 0, 0)
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  let timer: NodeJS.Timeout | undefined
  let news: TarNews | undefined
  const awake = (): void => {
    clearTimeout(timer)
    timer = setTimeout(() => resolve('hung: no case was done for 30 s'), SILENT_MS)
  }
  child.on('message', (latest: TarNews) => {
    awake()
    news = latest
    watchdog.done(latest.cases)
    if (latest.end) resolve(undefined)
  })
  child.once('exit', (code, signal) => resolve(`the process ended with ${signal ?? String(code)}`))
  awake()
  const orders: TarOrders = { seed: plan.seed, from: plan.from, count: plan.count, directory }
  child.send(orders)
  const problem = await promise
  clearTimeout(timer)
  const watched = await watchdog.finish()
  child.kill('SIGKILL')
  take(tally, news)
  if (problem !== undefined) tally.fail(plan.from + (news?.cases ?? 0), problem)
  return watched
}

function take(tally: Tally, news: TarNews | undefined): void {
  if (news === undefined) return
  const { cases, failed, slow, slowest } = news
  Object.assign(tally, { cases, failed, slow, slowest })
  for (const [answer, times] of news.answers) tally.count(answer, times)
  tally.failures.push(...news.failures)
}

export const uploads: HttpFuzzer = { name: TAR, make: uploadCase }

function uploadCase(random: Random, { ground }: Place): HttpCase {
  // The same archives as in process: no random number is drawn before.
  const { bytes } = tarCase(random, `${ground}/outside`)
  const target = `/files/transfer/upload?dest=${encodeURIComponent(`${ground}/dest${random.below(4)}`)}`
  const headers = [AUTHORIZATION, 'Content-Type: application/gzip']
  return whole({ method: 'POST', target, headers, body: bytes })
}

export function tarBytes(seed: number, index: number): Buffer {
  return tarCase(chanceOf(seed, TAR, index), '/outside').bytes
}
