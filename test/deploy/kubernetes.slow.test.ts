// The Kubernetes examples without a cluster: each object fits Kubernetes' own schemas, names what is there, and the
// daemon starts with the arguments and the Secret as they stand and answers its probes.

import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import t, { type Test } from 'tap'
import { parseAllDocuments } from 'yaml'
import { runCommand } from '../support/command.ts'
import { startDaemon } from '../support/daemon.ts'
import { signed } from '../support/gateway.ts'

const DEPLOY = join(import.meta.dirname, '../../deploy')
const SCHEMAS = join(import.meta.dirname, 'schemas/kubernetes-1.29.json')
const MOUNT = '/etc/workspace-runtime'

interface Container {
  readonly name: string
  readonly args?: readonly string[]
  readonly ports?: readonly { name: string; containerPort: number }[]
  readonly volumeMounts?: readonly { name: string; mountPath: string }[]
  readonly securityContext?: object
  readonly startupProbe?: Probe
  readonly readinessProbe?: Probe
  readonly livenessProbe?: Probe
}
interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string }
}
interface PodSpec {
  readonly initContainers: readonly Container[]
  readonly containers: readonly Container[]
  readonly volumes: readonly { name: string; secret?: { secretName: string } }[]
}
interface Thing {
  readonly file: string
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels?: Record<string, string> }
  // oxlint-disable-next-line typescript/no-explicit-any -- of any kind; the schemas say what is in it
  readonly spec: any
  readonly stringData?: Record<string, string>
}

/** YAML 1.1, as Kubernetes reads it. */
function documents(path: string): unknown[] {
  return parseAllDocuments(readFileSync(path, 'utf8'), { version: '1.1' }).map((document) => {
    if (document.errors.length > 0) throw document.errors[0]!
    return document.toJS() as unknown
  })
}

const things = readdirSync(join(DEPLOY, 'kubernetes')).flatMap((file) =>
  documents(join(DEPLOY, 'kubernetes', file)).map((object) => ({ ...(object as Thing), file })),
)
const one = (kind: string): Thing => things.find((thing) => thing.kind === kind)!
const secret = one('Secret')

const pods: readonly (readonly [string, PodSpec, Record<string, string>])[] = [
  ['sidecar', one('Pod').spec as PodSpec, one('Pod').metadata.labels ?? {}],
  ['injected', one('StatefulSet').spec.template.spec as PodSpec, one('StatefulSet').spec.template.metadata.labels],
]

t.test('each object fits the schemas of Kubernetes 1.29, where unknown fields are refused', async (t) => {
  const { $defs } = JSON.parse(readFileSync(SCHEMAS, 'utf8')) as { $defs: Record<string, object> }
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true })
  ajv.addSchema({ $id: 'kubernetes', $defs })
  const check = ({ apiVersion, kind }: Thing, object: object): unknown => {
    const name = `io.k8s.api.${apiVersion.replace('.k8s.io', '').replace(/^v1$/, 'core/v1').replace('/', '.')}.${kind}`
    const schema = ajv.getSchema(`kubernetes#/$defs/${name}`)
    return schema === undefined ? `no schema ${name}` : schema(object) || schema.errors
  }
  t.equal(things.length, 5)
  for (const thing of things) {
    const { file, ...object } = thing
    t.equal(check(thing, object), true, `${file}: ${thing.kind}`)
    t.not(check(thing, { ...object, sepc: {} }), true, 'a mistake is found')
  }
})

for (const [name, pod, labels] of pods) {
  t.test(`${name}: what is named is there`, async (t) => {
    const volumes = new Set([...pod.volumes.map((volume) => volume.name), ...(name === 'injected' ? ['home'] : [])])
    for (const container of [...pod.initContainers, ...pod.containers]) {
      for (const mount of container.volumeMounts ?? []) t.ok(volumes.has(mount.name), mount.name)
      t.match(container.securityContext, { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } })
    }
    for (const volume of pod.volumes.filter((each) => each.secret !== undefined)) {
      t.equal(volume.secret?.secretName, secret.metadata.name)
    }
    t.match(labels, one('NetworkPolicy').spec.podSelector.matchLabels, 'the policy is about it')
    t.match(labels, one('Service').spec.selector)
    t.equal(one('NetworkPolicy').spec.ingress[0].ports[0].port, 9990)
  })

  t.test(`${name}: the daemon starts as it says, and answers the probes`, async (t) => {
    const container = [...pod.initContainers, ...pod.containers].find(({ args }) => args !== undefined)!
    t.same(container.ports, [{ name: 'runtime', containerPort: 9990 }])
    const { directory, privateKey, token } = mounted(t)
    const args = (container.args ?? []).map((arg) => arg.replace(MOUNT, directory))
    t.equal(args.filter((arg) => arg.includes(directory)).length, 2)
    const own = args.map((arg) => (arg === '--port=9990' ? '--port=0' : arg.replace('/workspace', directory)))
    const daemon = await startDaemon(t, { args: own.slice(1) })
    for (const probe of [container.startupProbe, container.readinessProbe, container.livenessProbe]) {
      t.equal(probe?.httpGet.port, 'runtime')
      t.equal((await fetch(daemon.url + probe?.httpGet.path)).status, 200)
    }
    const asked = async (credential: string): Promise<number> =>
      (await daemon.call('GET', '/runtime', undefined, { authorization: `Bearer ${credential}` })).status
    const claims = { exp: Date.now() / 1000 + 600, aud: 'workspace-1' }
    t.equal(await asked(token), 200)
    t.equal(await asked(signed({ alg: 'RS256' }, claims, privateKey)), 200)
    t.equal(await asked(signed({ alg: 'RS256' }, { ...claims, aud: 'workspace-2' }, privateKey)), 401, 'of another')
  })
}

interface Mounted {
  readonly directory: string
  readonly privateKey: KeyObject
  readonly token: string
}

/** The Secret as the kubelet writes it, with these of its values replaced. */
function written(t: Test, changed: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'mounted-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  for (const [name, text] of Object.entries({ ...secret.stringData, ...changed })) {
    writeFileSync(join(directory, name), text.replaceAll(MOUNT, directory), { mode: 0o440 })
  }
  return directory
}

function mounted(t: Test): Mounted {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const token = 'a'.repeat(64)
  const keys = JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] })
  return { directory: written(t, { token, 'jwks.json': keys }), privateKey, token }
}

t.test('a Secret that still has its placeholders starts nothing', async (t) => {
  for (const changed of [{}, { token: 'a'.repeat(64) }]) {
    const directory = written(t, changed)
    const args = ['--port=0', `--token-file=${directory}/token`, `--config=${directory}/config.json`]
    const { code, stderr } = await runCommand(args, { HOME: directory })
    t.equal(code, 2)
    t.match(stderr, 'token' in changed ? /holds no key/ : /token/)
  }
})

t.test('the Envoy example is YAML', async (t) => {
  t.match(documents(join(DEPLOY, 'gateway/envoy.yaml')), [{ static_resources: { listeners: [{}], clusters: [{}] } }])
})
