// Makes the environment that commands and terminals inherit (protocol.md#environment): the daemon's variables, less
// those that are about the daemon itself, and the user's own where they are not set. Pure but for `loginUser`; called
// once, at the start.

import { userInfo } from 'node:os'
import { MARK_VARIABLE } from './mark.ts'

interface LoginUser {
  readonly name: string
  readonly home: string
  /** Login shell; empty if the user database has none. */
  readonly shell: string
}

/** Our variables, systemd's, and npm's if the daemon runs under `npm start`. */
const OWN = /^(?:RUNTIME_|WORKSPACE_RUNTIME_TOKEN$|LISTEN_|WATCHDOG_|MEMORY_PRESSURE_|npm_)/
/** Variables that systemd.exec(5) sets for the unit, which a command is not. */
const OWN_NAMES = new Set([
  MARK_VARIABLE,
  'NOTIFY_SOCKET',
  'CREDENTIALS_DIRECTORY',
  'STATE_DIRECTORY',
  'CACHE_DIRECTORY',
  'LOGS_DIRECTORY',
  'CONFIGURATION_DIRECTORY',
  'INVOCATION_ID',
  'JOURNAL_STREAM',
  'SYSTEMD_EXEC_PID',
  'FDSTORE',
  // Set by the shell that started the daemon.
  'OLDPWD',
  '_',
])

/** Variables that decide how characters are read, the strongest first. */
const LOCALE = ['LC_ALL', 'LC_CTYPE', 'LANG']

/** Returns the environment. `ownBin` is the project's own node_modules/.bin, which npm puts in front of PATH. */
export function childEnvironment(
  daemon: Readonly<Record<string, string | undefined>>,
  user: LoginUser | undefined,
  ownBin: string,
): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const [name, value] of Object.entries(daemon)) {
    if (value === undefined || OWN.test(name) || OWN_NAMES.has(name)) continue
    environment[name] = name === 'PATH' ? withoutEntry(value, ownBin) : value
  }
  // Without a locale é is two characters to every program; a POSIX system without this one falls back by itself.
  if (LOCALE.every((name) => environment[name] === undefined)) environment['LANG'] = 'C.UTF-8'
  if (user === undefined) return environment
  environment['HOME'] ??= user.home
  environment['USER'] ??= user.name
  environment['LOGNAME'] ??= user.name
  if (user.shell !== '') environment['SHELL'] ??= user.shell
  return environment
}

function withoutEntry(path: string, entry: string): string {
  const same = (one: string): boolean => one.replace(/\/+$/, '') === entry
  return path
    .split(':')
    .filter((one) => !same(one))
    .join(':')
}

/** Returns the login shell: the user's, else $SHELL, else bash, else sh; each only if it can be run. */
export function loginShell(
  environment: Readonly<Record<string, string>>,
  user: LoginUser | undefined,
  runs: (path: string) => boolean,
): string {
  const wanted = [user?.shell, environment['SHELL'], '/bin/bash', '/usr/bin/bash']
  return wanted.find((path) => path !== undefined && path.startsWith('/') && runs(path)) ?? '/bin/sh'
}

/** Returns the daemon's user from the user database; undefined if it has no entry (a bare uid in a container). */
export function loginUser(): LoginUser | undefined {
  try {
    const { username, homedir, shell } = userInfo()
    return { name: username, home: homedir, shell: shell ?? '' }
  } catch {
    return undefined
  }
}
