// What two machines resumed from one snapshot must not share (C-05): the names and secrets they make
// afterwards. No test can copy itself in the middle of a call (V8's code does not survive fork(2)), so it is shown
// that nothing is kept in the process to be handed out later: each one costs a read from the kernel.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { freshRandom, holdRandom } from '../../src/base/fresh-random.ts'
import { fillRandom } from '../../src/native/libc.ts'
import { openSeal } from '../../src/transports/mcp/protocol/sealed-state.ts'
import { newRequestId } from '../../src/transports/request-head.ts'
import { startDaemon } from '../support/daemon.ts'
import { NO_MOUNTS } from '../support/mounting.ts'

const COUNT = 1000
const SEAL = openSeal()

/** Every kind of name and secret. */
const KINDS: Readonly<Record<string, () => string>> = {
  'request ids': newRequestId,
  'random bytes': () => freshRandom(16).toString('hex'),
  // Base64 of the twelve bytes that must never be used twice with one key.
  'nonces of sealed states': () => SEAL.close({ a: 1 }, 'binding').slice(0, 16),
}

for (const [kind, make] of Object.entries(KINDS)) {
  t.test(`C-05 each of the ${kind} is read from the kernel when it is made`, { skip: noAccount() }, async (t) => {
    using _ = holdRandom(fillRandom)
    make() // what is prepared at first use is prepared now
    const before = readCalls()
    const made = new Set(Array.from({ length: COUNT }, make))
    t.ok(readCalls() - before >= COUNT)
    t.equal(made.size, COUNT)
  })
}

t.test('C-05 the system call that stands in for a missing device fills what it is given', async (t) => {
  const made = new Set<string>()
  for (let round = 0; round < COUNT; round++) {
    const bytes = Buffer.alloc(16)
    fillRandom(bytes)
    made.add(bytes.toString('hex'))
  }
  t.equal(made.size, COUNT)
  const large = Buffer.alloc(1024 * 1024)
  fillRandom(large)
  t.equal(new Set(large.subarray(-4096)).size, 256, 'to its end')
})

t.test('random bytes come without the device being held, and after it was given up', async (t) => {
  t.equal(freshRandom(32).length, 32)
  holdRandom(fillRandom)[Symbol.dispose]()
  t.not(freshRandom(32).toString('hex'), freshRandom(32).toString('hex'))
})

/** How often this process has called read(2). */
function readCalls(): number {
  return Number(/^syscr: (\d+)$/m.exec(readFileSync('/proc/self/io', 'latin1'))?.[1])
}

function noAccount(): string | false {
  try {
    readCalls()
    return false
  } catch {
    return 'the kernel keeps no account of reads'
  }
}

/** Files that make names with Node's own generator, and may: no other machine can have the name on the same disk. */
const OWN_GENERATOR = {
  'src/base/unpack.ts': 'a file made with O_EXCL',
  'src/threads/archive/unpack-tree.ts': 'a file made with O_EXCL',
  'src/workspace/files/write/new-content.ts': 'a file made with O_EXCL',
  'src/workspace/watchers/watchers.ts': 'made once, at the start: resumed machines go on with the watchers they had',
}

t.test('C-05 nothing else makes names or secrets with a generator of the process', async (t) => {
  const root = join(import.meta.dirname, '../..')
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts')) // prettier-ignore
  const users = files
    .map((path) => join('src', path))
    .filter((path) => /\b(randomUUID|randomBytes|randomInt|getRandomValues|Math\.random)\b/.test(readFileSync(join(root, path), 'utf8'))) // prettier-ignore
  t.same(users.toSorted(), Object.keys(OWN_GENERATOR).toSorted())
})

t.test('a machine without /dev/urandom is served all the same', { skip: NO_MOUNTS }, async (t) => {
  const bare = `d=$(mktemp -d) && mount -t tmpfs none $d && mkdir $d/pts &&
    for f in null zero ptmx; do : > $d/$f && mount --bind /dev/$f $d/$f || exit 1; done &&
    mount --bind /dev/pts $d/pts && mount --move $d /dev && rmdir $d && exec "$@"`
  const daemon = await startDaemon(t, { wrapper: ['unshare', '--mount', 'sh', '-c', bare, 'sh'] })
  const ids = new Set<string | null>()
  for (let round = 0; round < 20; round++) {
    const reply = await daemon.call('GET', '/health')
    t.equal(reply.status, 200)
    ids.add(reply.headers.get('x-request-id')?.split('-')[0] ?? null)
  }
  t.equal(ids.size, 20)
  const ran = await daemon.call('POST', '/exec', { command: ['ls', '/dev'] })
  t.match(ran.body, { exit_code: 0, stdout: 'null\nptmx\npts\nzero\n' })
  t.equal(await daemon.stop(), 0)
})
