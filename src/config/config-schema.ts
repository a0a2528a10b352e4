// The configuration file as a schema (configuration.md): the daemon checks the file by it and publishes it. It says
// what each key means and which value holds if the key is left out.

import { Type, type Static } from 'typebox'
import { LOG_LEVELS } from '../base/log.ts'

const closed = { additionalProperties: false } as const
const limit = (description: string, fallback: number, maximum: number) =>
  Type.Optional(Type.Integer({ description, default: fallback, minimum: 1, maximum }))

/** The configuration file; published as JSON Schema. Every key may be left out. */
export const configSchema = Type.Object(
  {
    $schema: Type.Optional(Type.String({ description: 'Address of this schema, for editors; not read by the daemon' })),
    host: Type.Optional(Type.String({ description: 'Address to listen on', default: '127.0.0.1', minLength: 1 })),
    port: Type.Optional(
      Type.Integer({ description: 'Port; 0 takes any free one', default: 9990, minimum: 0, maximum: 65535 }),
    ),
    token_file: Type.Optional(
      Type.String({ description: 'File with a raw token to begin with, 32 characters or more', minLength: 1 }),
    ),
    workdir: Type.Optional(
      Type.String({
        description:
          'Where commands start and what relative paths are below; default: where the daemon was started, unless that is /: then /root if usable, else the home directory',
        minLength: 1,
      }),
    ),
    log_level: Type.Optional(
      Type.Enum([...LOG_LEVELS], { description: 'Least level that is logged', default: 'info' }),
    ),
    access_log: Type.Optional(Type.Boolean({ description: 'Log every request', default: false })),
    jwt: Type.Optional(
      Type.Object(
        {
          secret_file: Type.Optional(
            Type.String({ description: 'File with the shared secret (HS256), 32 bytes or more' }),
          ),
          jwks_file: Type.Optional(Type.String({ description: 'File with a JSON Web Key Set' })),
          jwks_url: Type.Optional(Type.String({ description: 'URL of a JSON Web Key Set' })),
          algorithms: Type.Optional(
            Type.Array(Type.String(), {
              description:
                'Accepted signature algorithms; default HS256 with a secret, the common public-key ones with a key set',
              minItems: 1,
            }),
          ),
          audience: Type.Optional(Type.String({ description: 'Audience (`aud`) a token must name' })),
          issuer: Type.Optional(Type.String({ description: 'Issuer (`iss`) a token must name' })),
          workspace: Type.Optional(
            Type.String({ description: 'Workspace (`ws`) a token must name, alone or in a list', minLength: 1 }),
          ),
          require_scope: Type.Optional(
            Type.Boolean({
              description: 'Refuse a token without the claim `scope`, which allows everything otherwise',
              default: false,
            }),
          ),
          tolerance_seconds: Type.Optional(
            Type.Integer({ description: 'Seconds by which clocks may differ', default: 60, minimum: 0, maximum: 60 }),
          ),
        },
        closed,
      ),
    ),
    cors: Type.Optional(
      Type.Object(
        {
          origins: Type.Optional(
            Type.Array(Type.String(), {
              description: 'Origins of web pages that may call, besides our own on loopback; `"*"`: all',
            }),
          ),
        },
        closed,
      ),
    ),
    allowed_hosts: Type.Optional(
      Type.Array(Type.String(), { description: 'Names accepted in the Host header; on loopback besides its own' }),
    ),
    limits: Type.Optional(
      Type.Object(
        {
          execs: limit('Commands at once', 50, 256),
          terminals: limit('Terminals alive at once', 10, 64),
          watchers: limit('Watchers at once', 5, 64),
          concurrency: limit('Calls in progress per credential', 512, 65_536),
          rate: Type.Optional(
            Type.Integer({
              description: 'Calls a second per credential; 0: off',
              default: 0,
              minimum: 0,
              maximum: 1_000_000,
            }),
          ),
          failed_auth: limit('Failed authentications a second per address', 20, 10_000),
          body_bytes: limit('Largest JSON body over REST', 64 * 1024 * 1024, 1024 * 1024 * 1024),
        },
        closed,
      ),
    ),
    files: Type.Optional(
      Type.Object(
        {
          durable: Type.Optional(
            Type.Boolean({ description: 'Sync file and directory before a write is answered', default: true }),
          ),
        },
        closed,
      ),
    ),
    exec: Type.Optional(
      Type.Object(
        {
          env: Type.Optional(
            Type.Record(Type.String(), Type.String(), { description: 'Object of variables that every command gets' }),
          ),
          nofile: Type.Optional(
            Type.Integer({
              description:
                'Soft limit of open files of commands and terminals; default that of the process that started the daemon, 1024 where a service manager or Node did',
              minimum: 16,
              maximum: 1_073_741_816,
            }),
          ),
        },
        closed,
      ),
    ),
    targets: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[a-z][a-z0-9_-]{0,63}$' }),
        Type.Object({ url: Type.String(), token: Type.String() }, closed),
        {
          description: 'Other daemons as `{"<id>": {"url", "token"}}`, reached under `/runtimes/<id>/`',
        },
      ),
    ),
    mcp: Type.Optional(
      Type.Object(
        {
          confirm: Type.Optional(
            Type.Boolean({
              description:
                'Ask the user before a directory is deleted or all commands are ended, where the client can (2026-07-28 with elicitation)',
              default: false,
            }),
          ),
          instructions: Type.Optional(
            Type.Array(Type.String({ minLength: 1 }), {
              description:
                'Files whose text is told to agents as advice, absolute or relative to `workdir`; default `["AGENTS.md"]`',
            }),
          ),
          prompts: Type.Optional(
            Type.String({
              description: 'Folder whose `.md` and `.txt` files are prompts, absolute or relative to `workdir`',
              minLength: 1,
            }),
          ),
        },
        closed,
      ),
    ),
    toolsets: Type.Optional(
      Type.Array(Type.String(), {
        description:
          'Toolsets of a client that names none itself: default (the 23 tools), files, search, exec, terminal, watch',
      }),
    ),
  },
  closed,
)

export type ConfigFile = Static<typeof configSchema>
