// scripts/install.sh over an image directory: what it puts where, that it may be repeated, that a broken new
// executable changes nothing, and that nothing is left behind. units.slow.test.ts does it in a system that runs.

import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'

const ROOT = join(import.meta.dirname, '../..')

interface Desk {
  readonly archive: string
  readonly image: string
  readonly run: (...args: string[]) => {
    readonly code: number | null
    readonly stdout: string
    readonly stderr: string
  }
  /** An executable that calls itself so; undefined: one that does not run. */
  readonly release: (version: string | undefined) => void
  /** Every file and link of the image. */
  readonly files: () => readonly string[]
}

function openDesk(t: Test): Desk {
  const folder = t.testdir({ archive: {}, image: {} })
  const [archive, image] = [join(folder, 'archive'), join(folder, 'image')]
  copyFileSync(join(ROOT, 'scripts/install.sh'), join(archive, 'install.sh'))
  for (const unit of ['runtime.service', 'runtime.socket']) copyFileSync(join(ROOT, unit), join(archive, unit))
  const desk: Desk = {
    archive,
    image,
    run(...args) {
      const { status, stdout, stderr } = spawnSync('/bin/sh', [join(archive, 'install.sh'), ...args], {
        encoding: 'utf8',
      })
      return { code: status, stdout, stderr }
    },
    release(version) {
      const line = version === undefined ? 'echo broken >&2; exit 127' : `echo "workspace-runtime ${version}"`
      writeFileSync(join(archive, 'workspace-runtime'), `#!/bin/sh\n${line}\n`, { mode: 0o755 })
    },
    files: () =>
      readdirSync(image, { recursive: true, withFileTypes: true })
        .filter((entry) => !entry.isDirectory())
        .map((entry) => join(entry.parentPath, entry.name).slice(image.length))
        .toSorted(),
  }
  desk.release('1.0.0')
  return desk
}

const INSTALLED = [
  '/etc/systemd/system/multi-user.target.wants/runtime.service',
  '/etc/systemd/system/runtime.service',
  '/etc/systemd/system/runtime.socket',
  '/etc/systemd/system/sockets.target.wants/runtime.socket',
  '/opt/wr/bin/workspace-runtime',
]

t.test('installed, again, upgraded, removed', async (t) => {
  const { image, run, release, files } = openDesk(t)
  const here = ['--root', image, '--prefix=/opt/wr']
  t.match(run(...here, 'status'), { code: 3, stdout: /not installed/ })
  t.match(run(...here, 'upgrade'), { code: 1, stderr: /to upgrade; use install/ })
  t.match(run(...here, 'install'), { code: 0, stdout: /wr\/bin\/workspace-runtime: 1\.0\.0\n/, stderr: '' })
  t.same(files(), INSTALLED)
  const binary = join(image, '/opt/wr/bin/workspace-runtime')
  const unit = join(image, '/etc/systemd/system/runtime.service')
  t.equal(statSync(binary).mode & 0o777, 0o755)
  t.equal(statSync(unit).mode & 0o777, 0o644)
  t.match(readFileSync(unit, 'utf8'), /^ExecStart=\/opt\/wr\/bin\/workspace-runtime serve$/m)

  const before = statSync(binary).ino
  t.match(run(...here), { code: 0, stdout: /up to date \(1\.0\.0\)/ }, 'again')
  t.equal(statSync(binary).ino, before, 'the same is left as it is')
  t.same(files(), INSTALLED)

  release('1.1.0')
  t.match(run(...here, 'upgrade'), { code: 0, stdout: /1\.0\.0 becomes 1\.1\.0/ })
  t.match(run(...here, 'status'), { code: 0, stdout: /1\.1\.0/ })

  mkdirSync(join(image, 'var/lib/workspace-runtime'), { recursive: true })
  writeFileSync(join(image, 'var/lib/workspace-runtime/token'), 'x')
  t.match(run(...here, 'uninstall'), { code: 0, stdout: /--purge removes them/ })
  t.same(files(), ['/var/lib/workspace-runtime/token'])
  t.match(run(...here, 'uninstall', '--purge'), { code: 0 })
  t.same(files(), [])
  t.match(run(...here, 'uninstall', '--purge'), { code: 0, stdout: '' }, 'again')
})

t.test('the old executable stays where the new one does not run', async (t) => {
  const { image, run, release, files } = openDesk(t)
  t.equal(run('--root', image).code, 0)
  const binary = join(image, '/usr/local/bin/workspace-runtime')
  const old = readFileSync(binary, 'utf8')
  release(undefined)
  t.match(run('--root', image, 'upgrade'), { code: 1, stderr: /does not run here, nothing was changed: broken/ })
  t.equal(readFileSync(binary, 'utf8'), old)
  t.equal(files().length, 5, 'and nothing lies beside it')
})

t.test('what is missing or wrong is said before anything is touched', async (t) => {
  const { archive, image, run, files } = openDesk(t)
  const wrong: [readonly string[], RegExp][] = [
    [['--root'], /--root needs a value/],
    [['--root', join(image, 'typo')], /--root is .*typo, which is not a directory/],
    [['--prefix', 'relative'], /accepted is an absolute path/],
    [['--prefix', '/a|b'], /letters, digits/],
    [['--root', image, 'remove'], /there is no remove/],
    [['--root', image, 'install', 'status'], /one command/],
    [['--root', image, 'install', '--purge'], /--purge belongs to uninstall/],
  ]
  for (const [args, sentence] of wrong) t.match(run(...args), { code: 1, stderr: sentence })
  t.match(run('--help'), { code: 0, stdout: /--root DIR/ })
  copyFileSync(join(archive, 'runtime.socket'), join(archive, 'kept'))
  spawnSync('rm', [join(archive, 'runtime.socket')])
  t.match(run('--root', image), { code: 1, stderr: /runtime\.socket is missing beside install\.sh/ })
  t.same(files(), [])
})

t.test('in a root without systemd it says how to start, and leaves nothing behind', async (t) => {
  const { archive } = openDesk(t)
  const script = join(archive, 'in-a-root.sh')
  writeFileSync(
    script,
    `set -e; R=$1; mkdir -p "$R"; mount -t tmpfs tmpfs "$R"; cd "$R"; mkdir -p usr/local etc tmp dev archive
    for one in bin sbin lib lib64; do [ ! -e "/usr/$one" ] || ln -s "usr/$one" "$one"; done
    mount --bind /usr usr; mount -t tmpfs tmpfs usr/local; mount --bind /dev dev; mount --bind "$2" archive
    chroot . /bin/sh -c 'sh /archive/install.sh && /usr/local/bin/workspace-runtime --version && mkdir -p /var/lib/workspace-runtime && sh /archive/install.sh uninstall --purge'
    find usr/local etc var tmp ! -type d`,
  )
  const args = ['--mount', '--propagation', 'private', '/bin/sh', script, join(archive, 'root'), archive]
  if (spawnSync('unshare', ['--mount', '--propagation', 'private', 'true']).status !== 0)
    return void t.pass('needs a capability', { skip: 'this user may not mount' })
  const { status, stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8' })
  t.same({ status, stderr }, { status: 0, stderr: '' })
  t.match(stdout, /there is no systemd here; start it yourself[^]*\/usr\/local\/bin\/workspace-runtime serve --host/)
  t.match(stdout, /^workspace-runtime 1\.0\.0$/m)
  t.match(stdout, /removed \/var\/lib\/workspace-runtime\n$/, 'and no file is found after that')
})

t.test('from the repository it takes what `npm run build` has made', async (t) => {
  const { archive } = openDesk(t)
  for (const folder of ['scripts', 'dist']) mkdirSync(join(archive, 'repo', folder), { recursive: true })
  copyFileSync(join(archive, 'workspace-runtime'), join(archive, 'repo/dist/workspace-runtime'))
  chmodSync(join(archive, 'repo/dist/workspace-runtime'), 0o755)
  copyFileSync(join(archive, 'install.sh'), join(archive, 'repo/scripts/install.sh'))
  for (const unit of ['runtime.service', 'runtime.socket'])
    copyFileSync(join(archive, unit), join(archive, 'repo', unit))
  const image = join(archive, 'image')
  mkdirSync(image, { recursive: true })
  const done = spawnSync('/bin/sh', [join(archive, 'repo/scripts/install.sh'), '--root', image], { encoding: 'utf8' })
  t.equal(done.status, 0, done.stderr)
  t.ok(existsSync(join(image, 'usr/local/bin/workspace-runtime')))
})
