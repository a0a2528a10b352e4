// The first page of the API description: what all operations have in common (docs/protocol.md), with the
// limits as the schema of the configuration file tells them. Pure.

/** What is needed of the configuration's schema; TypeBox's own types leave this open. */
interface Limit {
  readonly description?: string
  readonly default?: unknown
  readonly maximum?: number
}

const PAGE = `Files, search, commands, terminals, watchers and previews of one workspace.

**Credential.** Every route but \`/health\` takes \`Authorization: Bearer <token>\`. A WebSocket may send \`?token=\` instead.

**Fields** travel where each route says. A query field counts as one of the body too, and every method but GET takes a
JSON body; a field that is in both is that of the body. A list is an array, a repeated key or one comma-separated string. \`true\`, \`false\` and numbers may be
sent as strings. A field that means nothing is not an error: the reply names it in \`ignored\`. A path
is absolute, or relative to the working directory that \`/runtime\` names.
Some fields have other names too; where both are sent the other name wins.

**Replies** are JSON objects with \`success: true\`. A failure has \`success: false\`, a sentence, and a \`code\` of a closed
list. The exit code of a command is a result, not a failure. GET answers HEAD too. No reply is to be cached.

**Other machines.** \`/runtimes/{target}\` before any path asks the daemon configured under that name.

**Schemas.** \`/schemas\` names the JSON Schema of every input, every reply and of the configuration file.

**Limits**, unless configured otherwise:
`

/** `limits`: the schemas of the keys below \`limits\` in the configuration file. */
export function introduction(limits: Readonly<Record<string, Limit>>): string {
  const rows = Object.entries(limits).map(([name, limit]) => {
    const usual = limit.default === 0 ? 'off' : String(limit.default)
    const most = limit.maximum === undefined ? '' : `, at most ${limit.maximum}`
    return `- \`limits.${name}\`: ${limit.description ?? ''}: ${usual}${most}`
  })
  return `${PAGE}\n${rows.join('\n')}\n`
}
