// `token show|rotate|verify`. What is asked for goes to stdout and nothing else does, so that it can be piped; a
// token to verify comes by stdin, never as an argument, which every user of the machine can read. All three look
// at files only: a running daemon notices what they change.

import { existsSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { isatty } from 'node:tty'
import { digestOf, rawTokenCheck } from '../transports/credentials/credentials.ts'
import { StartError } from '../base/signals.ts'
import { loadToken, rotateToken, type TokenSources } from '../config/token-store.ts'
import { checkToken } from './token-check.ts'

/** What the unit's StateDirectory= is (runtime.service): a shell does not have it in its environment. */
const SERVICE_STATE = '/var/lib/workspace-runtime'
/** No credential is longer (transports/credentials). */
const LONGEST = 16 * 1024

export interface Console {
  readonly input: Readable
  readonly print: (text: string) => void
  /** For people: to stderr. */
  readonly tell: (text: string) => void
}

/** The exit code. */
export async function tokenCommand(words: readonly string[], sources: TokenSources, console: Console): Promise<number> {
  const [verb] = words
  const known = verb === 'show' || verb === 'rotate' || verb === 'verify'
  if (!known || words.length > 1) {
    const asked = ['token', ...words].slice(0, 2).join(' ') // what follows a verb may be a token
    throw new StartError(
      known
        ? `${asked} takes no argument${verb === 'verify' ? '; it reads the token from stdin' : ''}`
        : `there is no command ${JSON.stringify(asked)}; there are: token show, token rotate, token verify`,
    )
  }
  tellOfService(sources, console)
  if (verb === 'verify') return await verify(sources, console)
  if (verb === 'show') {
    console.print(`${(await loadToken(sources)).token}\n`)
    return 0
  }
  const { token, path } = await rotateToken(sources)
  console.print(`${token}\n`)
  console.tell(
    `kept in ${path}; a daemon that uses this file takes it over within 2 s and closes what the old one opened`,
  )
  return 0
}

/** Another token than the service's is the likeliest mistake there is here. */
function tellOfService({ stateDirectory, fromEnvironment, file }: TokenSources, { tell }: Console): void {
  const own = fromEnvironment === undefined && file === undefined
  if (!own || stateDirectory === SERVICE_STATE || !existsSync(`${SERVICE_STATE}/token`)) return
  tell(`this is about ${stateDirectory}; for the token of the service set STATE_DIRECTORY=${SERVICE_STATE}`)
}

/** 0: it is the token; 1: it is not, or there is none. */
async function verify(sources: TokenSources, { input, print, tell }: Console): Promise<number> {
  if ('fd' in input && input.fd === 0 && isatty(0)) tell('type or paste the token, then press Enter')
  const candidate = await firstLine(input)
  const { token, problems } = await checkToken(sources)
  for (const problem of problems) tell(problem)
  const valid = token !== undefined && rawTokenCheck(token)(digestOf(candidate))
  print(valid ? 'valid\n' : 'invalid\n')
  return valid ? 0 : 1
}

async function firstLine(input: Readable): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of input as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    size += chunk.length
    if (chunk.includes(10) || size > LONGEST) break
  }
  const line = Buffer.concat(chunks).toString('latin1').split('\n', 1)[0] ?? ''
  return line.endsWith('\r') ? line.slice(0, -1) : line
}
