// Takes over a token that changes while the daemon serves, without a restart: on SIGHUP, and when the live file or its
// seed has changed. Asks by stat, which works on every file system and for the links that Kubernetes swaps, and in the
// thread pool, so that a slow disk blocks nothing. A file that holds no valid token changes nothing: the daemon keeps
// the token that it has, and the log says why.

import { stat } from 'node:fs/promises'
import { attempt } from '../base/private-file.ts'
import type { ConditionKind, Conditions } from '../base/conditions.ts'
import type { Log } from '../base/log.ts'
import { StartError } from '../base/signals.ts'
import { placeOf, reloadToken, type TokenSources } from './token-store.ts'

/** Time between two looks: `rotate` promises 2 s. */
const LOOK_MS = 1_000

export interface TokenWatch extends AsyncDisposable {
  /** Reads the token anew, whether or not a file has changed. */
  reload(): void
}

export interface TokenWatchOptions {
  readonly sources: TokenSources
  /** Takes the token; returns false if it is the one in use. */
  readonly take: (token: string) => boolean
  readonly conditions: Conditions
  readonly log: Log
}

const NOT_RELOADED: ConditionKind = {
  id: 'token_not_reloaded',
  severity: 'error',
  todo: 'correct the file, or make a new token with `workspace-runtime token rotate`',
}

export function openTokenWatch({ sources, take, conditions, log }: TokenWatchOptions): TokenWatch {
  const fixed = sources.fromEnvironment !== undefined
  const paths = [placeOf(sources).token, sources.file ?? sources.credential].filter((path) => path !== undefined)
  // Empty at first, so that the first look finds a change between the start's reading and now.
  let seen = ''
  let asked = false
  let looking: Promise<void> | undefined

  const reread = async (wanted: boolean): Promise<void> => {
    try {
      const { token, path } = await reloadToken(sources)
      if (take(token)) log.info('token_changed', { file: path })
      else if (wanted) log.info('token_unchanged', { file: path })
      conditions.clear(NOT_RELOADED)
    } catch (error) {
      const reason = error instanceof StartError ? error.message : String(error)
      conditions.set(NOT_RELOADED, `${reason}; the token before stays`)
    }
  }
  const look = async (): Promise<void> => {
    const wanted = asked
    asked = false
    const now = (await Promise.all(paths.map(identityOf))).join(' ')
    if (now !== seen || wanted) await reread(wanted)
    seen = now
  }
  const begin = (): void => {
    looking ??= look().finally(() => (looking = undefined))
  }
  const timer = fixed ? undefined : setInterval(begin, LOOK_MS)
  return {
    reload() {
      asked = true
      if (fixed) log.info('token_unchanged', { source: 'RUNTIME_TOKEN' })
      else begin() // where a look is under way: the next one answers
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await looking
    },
  }
}

/** Returns a text that changes with every write, replacement and change of rights. */
async function identityOf(path: string): Promise<string> {
  const [facts, failure] = await attempt(async () => await stat(path, { bigint: true }))
  return facts === undefined ? failure : `${facts.dev}:${facts.ino}:${facts.size}:${facts.mtimeNs}:${facts.ctimeNs}`
}
