// A floor of figure 6: reads stdin, a pipe, to its end and prints how many bytes came.

import { Socket } from 'node:net'

let bytes = 0
new Socket({ fd: 0, readable: true, writable: false })
  .on('data', (chunk: Buffer) => {
    bytes += chunk.byteLength
  })
  .on('end', () => console.log(bytes))
