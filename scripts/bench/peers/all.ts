// The peers, ours first: the others are compared with it. To add one, write its file and name it here.

import { chokidar } from './chokidar.ts'
import { desktopCommander } from './desktop-commander.ts'
import { fd } from './fd.ts'
import { filesystemServer } from './filesystem-server.ts'
import { find } from './find.ts'
import { inotifywait } from './inotifywait.ts'
import { nginx } from './nginx.ts'
import { oursOverMcp } from './ours-over-mcp.ts'
import { ours } from './ours.ts'
import { parcelWatcher } from './parcel-watcher.ts'
import type { Peer } from './peer.ts'
import { ripgrep } from './ripgrep.ts'

export const PEERS: readonly Peer[] = [
  ours,
  oursOverMcp,
  desktopCommander,
  filesystemServer,
  ripgrep,
  fd,
  find,
  inotifywait,
  chokidar,
  parcelWatcher,
  nginx,
]
