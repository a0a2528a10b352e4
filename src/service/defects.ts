// What nobody catches ends the daemon: said once in the log, then exit code 1, so that whoever runs it starts it
// anew from a state that is known (C-07). The log's own way out gives the line half a second.

import type { Log } from '../base/log.ts'

export function endOnDefects(log: Log): void {
  process.on('uncaughtException', (error, origin) => {
    log.error(origin === 'unhandledRejection' ? 'unhandled_rejection' : 'uncaught_exception', {
      stack: error instanceof Error ? error.stack : String(error),
    })
    process.exit(1)
  })
}
