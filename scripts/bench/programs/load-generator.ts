// Started by load-process.ts: drives each load it is sent and answers with what it measured.

import { load, type LoadOptions } from '../load.ts'

process.on('message', (options: LoadOptions) => {
  load(options).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.({ problem: String(error) }),
  )
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
