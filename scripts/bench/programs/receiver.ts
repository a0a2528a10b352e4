// A floor of figure 10: bare node:http that writes the body of a request to a file of the given path and answers once
// that is on the disk. Its port is the one line on stdout.

import { createWriteStream } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'

const path = process.argv[2] ?? ''

const server = createServer((request, response) => {
  void pipeline(request, createWriteStream(path, { flush: true })).then(() => response.writeHead(201).end())
})
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
