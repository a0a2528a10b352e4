// ripgrep on the command line: the machine's own, else the one that the daemon carries.

import { programOf } from '../processes.ts'
import { RIPGREP } from '../subject.ts'
import { withoutDaemon, type Peer } from './peer.ts'
import { program } from './program.ts'

export const ripgrep: Peer = {
  name: 'rg',
  open: async ({ tree, named }) => {
    const rg = program(programOf('rg') ?? RIPGREP)
    return withoutDaemon({
      list: rg(['--no-config', '--files', '--hidden', '--no-ignore', tree.path], tree.files),
      names: rg(['--no-config', '--files', '--no-require-git', '-g', '*file9999*', tree.path], named),
      search: rg(['--no-config', '--no-require-git', '-n', '-i', '-F', 'rare_needle', tree.path], 20),
    })
  },
}
