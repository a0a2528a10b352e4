// Programs that draw their screens look through /ws as they look inside `script` of util-linux,
// also where the socket is closed in the middle. The one that comes after it is there twice: an emulator that
// goes on (`?since=`) and a new one that sees the replay.

import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startDaemon } from '../support/daemon.ts'
import { commandLine, live, LiveScreen, scripted, socketOf, type Shown } from '../support/live-screen.ts'
import { Screen, type Mask } from '../support/screen.ts'
import { until } from '../support/until.ts'
import { view } from '../support/viewer.ts'

/** For a machine that does other things too. */
const PATIENCE_MS = 20_000

interface Step {
  readonly keys: string
  /** What the screen shows after it. */
  readonly shows: RegExp
  /** The socket is closed as soon as the keys are typed. */
  readonly reconnect?: true
}

interface Play {
  readonly command: string
  readonly home: string
  readonly mask?: Mask
  readonly steps: readonly Step[]
}

const missing = (...commands: string[]): string | false => {
  const found = (command: string): boolean => {
    try {
      execFileSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  }
  const names = commands.filter((command) => !found(command))
  return names.length > 0 && `${names.join(' and ')} is not installed here`
}

function homeOf(t: Test): string {
  const home = mkdtempSync(join(tmpdir(), 'screens-'))
  t.teardown(() => rmSync(home, { recursive: true, force: true }))
  return home
}

/** Waits until all screens show it, have changed and are equal; what they look like then. Fails with the differences. */
async function alike(shown: readonly Shown[], { shows, keys }: Step, before: string, mask?: Mask): Promise<string> {
  const looks = () => shown.map(({ screen }) => screen.picture(mask).join('\n'))
  const there = (): boolean => {
    if (!shown.every(({ screen }) => shows.test(screen.text()))) return false
    const [reference, ...others] = looks()
    return reference !== before && others.every((other) => other === reference)
  }
  try {
    await until(`${String(shows)} after ${JSON.stringify(keys)}`, there, PATIENCE_MS)
  } catch (error) {
    const [reference = [], ...others] = looks().map((look) => look.split('\n'))
    const different = reference.flatMap((line, y) =>
      others.every((other) => other[y] === line) ? [] : [[line, ...others.map((other) => other[y])]],
    )
    throw new Error(JSON.stringify({ different, screen: shown[0]?.screen.text() }, null, 1), { cause: error })
  }
  return looks()[0] ?? ''
}

/** Plays it in `script` and in a terminal of the daemon, and compares after each step. */
async function play(t: Test, { command, home, steps, mask }: Play): Promise<void> {
  const daemon = await startDaemon(t)
  const line = commandLine(home, command)
  const reference = scripted(t, line)
  const { id, shown: first } = await live(t, daemon, line)
  let typist = first
  let look = ''
  let shown: Shown[] = [reference, first]
  for (const step of steps) {
    for (const one of [reference, typist]) one.type(step.keys)
    if (step.reconnect) {
      await typist.leave()
      const url = socketOf(daemon)
      typist = new LiveScreen(await view(t, url, `&mode=shared&since=${id}:${typist.offset}`), id, typist.screen)
      typist.screen.onAnswer = (text) => typist.type(text)
      shown = [reference, typist, new LiveScreen(await view(t, url, '&mode=shared'), id, new Screen())]
    }
    look = await alike(shown, step, look, mask)
    t.pass(`alike after ${JSON.stringify(step.keys)}`)
  }
  const codes = await Promise.all(shown.map(({ exit }) => exit))
  t.same(new Set(codes), new Set([0]), 'all have seen it exit with 0')
}

t.test('vi looks as it does inside script', { skip: missing('vi', 'script') }, async (t) => {
  const home = homeOf(t)
  const lines = Array.from({ length: 200 }, (_, i) => `line ${i + 1}\tcafé ${'=-'.repeat(i % 30)} 漢字`)
  writeFileSync(join(home, 'poem.txt'), `${lines.join('\n')}\n`)
  await play(t, {
    home,
    command: 'vi -u NONE -i NONE -n poem.txt',
    // An undo tells how old the change is, and each vi has its own clock.
    mask: (text) => text.replace(/ *\d+ seconds? ago/, ' N ago'),
    steps: [
      { keys: '', shows: /"poem.txt"/ },
      { keys: ':set number ruler showmode nocompatible\r', shows: /^ +1 line 1 .*\n/ },
      { keys: '100G', shows: /100,1/ },
      { keys: 'ohello, wörld', shows: /-- INSERT --/ },
      { keys: '\u001b', shows: /^(?!.*-- INSERT --)/s },
      { keys: '\u0006', shows: /^ *110 line 109 /, reconnect: true },
      { keys: ':split\r', shows: /poem.txt \[\+\][^]*poem.txt \[\+\]/ },
      { keys: '/=-=-=- 漢字\r', shows: /\n\/=-=-=- 漢字/ },
      { keys: 'ggdG', shows: /No lines in buffer/ },
      { keys: 'u', shows: /more lines/, reconnect: true },
      { keys: ':qa!\r', shows: /^(?!.*café)/s },
    ],
  })
})

t.test('top looks as it does inside script', { skip: missing('top', 'script') }, async (t) => {
  const home = homeOf(t)
  const watched = spawn('sleep', ['1000'], { stdio: 'ignore' })
  t.teardown(() => void watched.kill())
  await play(t, {
    home,
    command: `top -d 900 -p ${watched.pid}`,
    // The clock and the load stand in the first line, whose length depends on them.
    mask: (text) => text.replace(/^top - .*/, 'top').replaceAll(/ *\d[\d.]*/g, 'N'),
    steps: [
      { keys: '', shows: /PID USER .*\n.* sleep/ },
      { keys: 'c', shows: /sleep 1000/ },
      { keys: 'z', shows: /sleep 1000/ },
      { keys: 'h', shows: /Help for Interactive Commands/, reconnect: true },
      { keys: 'q', shows: /PID USER .*\n.* sleep 1000/ },
      { keys: 'f', shows: /Fields Management/ },
      { keys: 'q', shows: /PID USER .*\n.* sleep 1000/ },
      { keys: 'l', shows: /^Tasks: /, reconnect: true },
      { keys: 'd', shows: /Change delay from 900/ },
      { keys: '\r', shows: /Tasks: [^]*Swap: .*\n\n/ },
      { keys: 'q', shows: /sleep 1000\n/ },
    ],
  })
})

t.test('a 256-colour prompt of bash looks as it does inside script', { skip: missing('bash', 'script') }, async (t) => {
  const home = homeOf(t)
  const prompt = String.raw`\[\e[1;38;5;208m\]dev \[\e[48;5;19;38;5;231m\] \W \[\e[0m\]\[\e[38;2;90;200;120m\]❯\[\e[0m\] `
  writeFileSync(join(home, 'rc'), `PS1='${prompt}'\nHISTFILE=\n`)
  const cells = String.raw`for i in {0..255}; do printf '\e[48;5;%dm\e[38;5;%dm%4d' $i $((255-i)) $i; done; printf '\e[0m\n'`
  await play(t, {
    home,
    command: 'bash --noprofile --rcfile rc -i',
    steps: [
      { keys: '', shows: /❯$/m },
      { keys: `${cells}\r`, shows: / 255\n.*❯\n/ },
      { keys: "printf '\\e[3;4;38;2;1;2;3mslanted\\e[0m %s\\n' 'café 漢字 😀'\r", shows: /^slanted café 漢字 😀$/m },
      {
        keys: 'echo café 漢字 and a line that is longer than the window is wide, so that it goes on',
        shows: /goes on/,
      },
      { keys: '\u0001\u001b[C\u001b[C\u001b[C\u001b[C -e', shows: /echo -e café/, reconnect: true },
      { keys: '\r', shows: /is wide, so that it goes on\n.*❯$/m },
      { keys: '\u001b[A', shows: /(❯ echo -e[^]*){2}/ },
      { keys: '\u0015', shows: /❯$/m },
      { keys: 'tput clear; tput cup 10 20; tput rev; echo here\r', shows: /^ {20}here\n/m, reconnect: true },
      { keys: 'tput sgr0; exit\r', shows: /exit\n/ },
    ],
  })
})
