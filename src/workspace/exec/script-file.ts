// A shell script longer than one argument may be (128 KiB) goes to the shell as a file without a name: it is
// unlinked as soon as it is made and opened by the child through /proc, so nothing is left behind whatever
// happens.

import { randomBytes } from 'node:crypto'
import { open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { faultOfSystem } from '../../base/fault.ts'
import { ARGUMENT_BYTES, type Plan } from './command.ts'

export interface StartableCommand extends AsyncDisposable {
  readonly argv: readonly [string, ...string[]]
}

/** `scratch` is a directory for temporary files. The caller disposes once the child has ended. */
export async function startable(plan: Plan, scratch: string): Promise<StartableCommand> {
  const script = plan.script === undefined ? '' : (plan.argv[plan.script] ?? '')
  // UTF-8 takes at most three bytes for each UTF-16 unit: short strings need no count.
  if (script.length * 3 <= ARGUMENT_BYTES || Buffer.byteLength(script) <= ARGUMENT_BYTES) {
    return { argv: plan.argv, [Symbol.asyncDispose]: () => Promise.resolve() }
  }
  const path = join(scratch, `.script-${randomBytes(8).toString('hex')}~`)
  try {
    const file = await open(path, 'wx+', 0o600)
    try {
      await unlink(path)
      await file.writeFile(script)
    } catch (error) {
      await file.close()
      throw error
    }
    const argv = withFile(plan, `/proc/${process.pid}/fd/${file.fd}`)
    return { argv, [Symbol.asyncDispose]: () => file.close() }
  } catch (error) {
    throw faultOfSystem(error, path)
  }
}

/** `bash -lc <script>` becomes `bash -l <file>`. */
function withFile({ argv: [shell, ...rest] }: Plan, path: string): [string, ...string[]] {
  const flags = rest.slice(0, -1)
  const flag = flags.pop()?.replace('c', '') ?? '-'
  return [shell, ...flags, ...(flag === '-' ? [] : [flag]), path]
}
