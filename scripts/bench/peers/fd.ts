// fd (Debian: fdfind), the user's find.

import { programOf } from '../processes.ts'
import { withoutDaemon, type Peer } from './peer.ts'
import { program } from './program.ts'

export const fd: Peer = {
  name: 'fd',
  open: async ({ tree, named }) => {
    const path = programOf('fd', 'fdfind')
    if (path === undefined) return undefined
    const run = program(path)
    return withoutDaemon({
      list: run(['--hidden', '--no-ignore', '--type', 'f', '.', tree.path], tree.files),
      // By default fd's rules count in a git repository only, and Debian 12's fd cannot change that.
      names: run(['--fixed-strings', 'file9999', tree.path], named),
    })
  },
}
