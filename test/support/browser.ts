// Headless Chromium for tests of what a page may do. It starts on one address with a fresh profile; at the end of the
// test every process that it started is ended.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Test } from 'tap'
import { until } from './until.ts'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome']

const CHROMIUM = findChromium()

/** Reason to skip a test that needs Chromium; false if it is installed. */
export const NO_CHROMIUM: string | false = CHROMIUM === undefined ? 'chromium is not installed' : false

function findChromium(): string | undefined {
  const places = (process.env['PATH'] ?? '').split(delimiter).flatMap((place) => NAMES.map((name) => join(place, name)))
  return places.find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

const SWITCHES = [
  '--headless=new',
  '--no-sandbox', // which root cannot have
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-breakpad',
  '--disable-crash-reporter',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--no-default-browser-check',
  '--no-proxy-server',
  '--password-store=basic',
]

/** Opens `url`; returns what the browser has said so far, for a failure's sake. */
export function openPage(t: Test, url: string): () => string {
  const profile = mkdtempSync(join(tmpdir(), 'chromium-'))
  const child = spawn(CHROMIUM ?? 'chromium', [...SWITCHES, `--user-data-dir=${profile}`, url], {
    detached: true, // a group of its own, which is ended as one
    env: { ...process.env, HOME: profile, XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-10_000)))
  const ended = once(child, 'exit')
  t.teardown(async () => {
    end(-(child.pid ?? 0))
    await ended
    await until('the browser has gone', () => {
      const left = processesNaming(profile)
      for (const pid of left) end(pid)
      return left.length === 0
    })
    rmSync(profile, { recursive: true, force: true })
  })
  return () => said
}

function end(pid: number): void {
  try {
    if (pid !== 0) process.kill(pid, 'SIGKILL')
  } catch {
    // gone already
  }
}

/** All that it started have the profile in their environment, or on their command line. */
function processesNaming(profile: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const told = ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${name}/${file}`, 'latin1'))
      return told.join().includes(profile) ? [Number(name)] : []
    } catch {
      return [] // gone meanwhile
    }
  })
}
