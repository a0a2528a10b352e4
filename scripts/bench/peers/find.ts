// find and grep, which are everywhere.

import { programOf } from '../processes.ts'
import { withoutDaemon, type Peer } from './peer.ts'
import { program } from './program.ts'

export const find: Peer = {
  name: 'find, grep',
  open: async ({ tree, named }) => {
    const path = programOf('find')
    const grep = programOf('grep')
    if (path === undefined || grep === undefined) return undefined
    return withoutDaemon({
      list: program(path)([tree.path, '-type', 'f'], tree.files),
      names: program(path)([tree.path, '-name', '*file9999*'], named),
      search: program(grep)(['-r', '-n', '-i', '-F', 'rare_needle', tree.path], 20),
    })
  },
}
