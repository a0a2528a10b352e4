// The daemon's reports on itself: health, runtime, targets (protocol.md#system).

import { arch, availableParallelism, homedir, platform } from 'node:os'
import { operation, type Call } from '../operation.ts'
import { Type } from '../schema.ts'

/** Names of the features that this daemon serves, as protocol.md#system lists them; more may come. */
const CAPABILITIES = [
  'files',
  'search',
  'exec',
  'terminal',
  'terminal_scrollback',
  'watcher',
  'transfer',
  'proxy',
  'mcp',
  'ws_shared',
] as const

/** Version of docs/protocol.md; raised when a client must tell the difference. */
const PROTOCOL_VERSION = 1

const runtime = Type.Object({
  os: Type.String({ description: 'Operating system' }),
  arch: Type.String({ description: 'Processor architecture' }),
  cpus: Type.Integer({ description: 'Processors that may be used, quotas considered' }),
  home: Type.String({ description: 'Home directory' }),
  shell: Type.String({ description: 'Login shell' }),
  workdir: Type.String({ description: 'Where commands start' }),
  protocol_version: Type.Integer(),
  capabilities: Type.Array(Type.String()),
})

export const health = operation({
  name: 'health',
  title: 'Health',
  summary: 'Says that the daemon serves; the only answer without a credential.',
  scope: 'none',
  area: 'This runtime',
  open: true,
  input: Type.Object({}),
  output: Type.Object({ status: Type.Literal('ok') }),
  routes: [{ method: 'GET', path: '/health' }],
  example: {},
  run: () => Promise.resolve({ status: 'ok' as const }),
})

export const runtimeInfo = operation({
  name: 'runtime_info',
  title: 'Runtime',
  summary: 'Tells the operating system, processors, home directory, shell and capabilities.',
  scope: 'none',
  area: 'This runtime',
  input: Type.Object({}),
  output: runtime,
  routes: [{ method: 'GET', path: '/runtime' }],
  example: {},
  run: (_, call) => Promise.resolve(describe(call)),
})

function describe({ workspace }: Call) {
  return {
    os: platform(),
    arch: arch(),
    cpus: availableParallelism(),
    home: workspace.environment['HOME'] ?? homedir(),
    shell: workspace.shell,
    workdir: workspace.workdir,
    protocol_version: PROTOCOL_VERSION,
    capabilities: [...CAPABILITIES],
  }
}

const target = Type.Object({
  id: Type.String(),
  local: Type.Boolean(),
  available: Type.Boolean(),
  capabilities: Type.Optional(Type.Array(Type.String())),
  runtime: Type.Optional(Type.Unknown({ description: 'As GET /runtime of that target' })),
  error: Type.Optional(Type.String({ description: 'Why it is not available' })),
})

export const runtimeTargets = operation({
  name: 'runtime_targets',
  title: 'Targets',
  summary: 'Lists the runtimes that can be reached through this daemon.',
  scope: 'none',
  area: 'This runtime',
  input: Type.Object({}),
  output: Type.Object({
    version: Type.Literal(1),
    default_target: Type.String(),
    aliases: Type.Record(Type.String(), Type.String()),
    targets: Type.Array(target),
  }),
  routes: [{ method: 'GET', path: '/runtimes', rootOnly: true }],
  example: {},
  async run(_, call) {
    const local = describe(call)
    const { targets } = call.workspace
    const remotes = await Promise.all(
      targets.remotes.map(async (remote) => {
        const answer = await targets.ask(remote, call.signal)
        return { id: remote.id, local: false, available: 'runtime' in answer, ...answer }
      }),
    )
    return {
      version: 1 as const,
      default_target: 'local',
      aliases: { default: 'local' },
      targets: [
        { id: 'local', local: true, available: true, capabilities: local.capabilities, runtime: local },
        ...remotes,
      ],
    }
  },
})
