// Loaded with --require: keeps the process at BALLAST_MB of resident memory or more, for figure 1.

'use strict'
const missing = Number(process.env.BALLAST_MB) - process.memoryUsage.rss() / 1e6
if (missing > 0) globalThis.ballast = Buffer.alloc(Math.ceil(missing) * 1e6, 1)
