// POST /tools/:name: one route that calls any listed tool of any shelf, so that a tool which comes and goes is reached
// over REST too. The operation only declares the route; the REST door puts the named tool in its place
// (transports/rest.ts).

import { Fault } from '../base/fault.ts'
import { operation } from '../operation.ts'
import { text, Type } from '../schema.ts'

export const toolCall = operation({
  name: 'tool_call',
  title: 'Call a tool',
  summary: 'Calls a tool by its name; the body has its arguments, as tools/call of MCP takes them.',
  scope: 'none',
  area: 'This runtime',
  input: Type.Object({ name: text('Name of the tool, as GET /mcp names it.', { minLength: 1, maxLength: 128 }) }),
  output: Type.Object({}),
  routes: [{ method: 'POST', path: '/tools/:name', callsTool: true }],
  statuses: [404, 409, 412, 413, 415, 501, 502, 504, 507],
  remarks: 'Scope, arguments and answer are those of the tool; an argument that it does not have is refused.',
  example: { name: 'exec_list' },
  // async, so that what is thrown is a rejection
  run: async ({ name }) => {
    throw new Fault('not_found', `there is no tool ${JSON.stringify(name)}`)
  },
})
