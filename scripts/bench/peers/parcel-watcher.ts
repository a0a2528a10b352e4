// @parcel/watcher as a program.

import { watched } from './chokidar.ts'
import { withoutDaemon, type Peer } from './peer.ts'

const PACKAGE = '@parcel/watcher'

export const parcelWatcher: Peer = {
  name: PACKAGE,
  packages: [PACKAGE],
  open: async ({ tree, installed }) =>
    installed === undefined
      ? undefined
      : withoutDaemon({ watch: () => watched('watch-parcel.ts', [tree.path, installed]) }),
}
