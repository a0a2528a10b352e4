// The server that the public MCP suite runs against: the product's front door and protocol engine, with the
// fixture's tools, prompts and resources in the place of the workspace's. The suite cannot send a credential, so
// this server asks for none. `node main.ts` prints its address on stdout and ends in order at SIGTERM or SIGINT.

import { once } from 'node:events'
import { openFrontDoor } from '../../support/front-door.ts'
import { openFixture } from './fixture.ts'

await using server = await openFrontDoor(openFixture())
console.log(`conformance server on http://127.0.0.1:${server.address.port}/mcp`)
await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
