// The built-in operations, tools first and in the order of protocol.md#tools: a new operation is added here. Transports
// project them together with those of other shelves (shelf.ts); no transport names an operation.

import { DEFAULT_SET, setOf, type Operation } from './operation.ts'
import { desktopStatus } from './operations/desktop.ts'
import { execAttach, execDelete, execDeleteAll, execInput, execList } from './operations/exec.ts'
import { execGet } from './operations/exec-get.ts'
import { execRun } from './operations/exec-run.ts'
import { fileDelete, fileMkdir, fileRead, fileStat, fileWrite } from './operations/files.ts'
import { fileList, fileStream } from './operations/list.ts'
import { fileRawRead, fileRawWrite } from './operations/raw.ts'
import { portList } from './operations/ports.ts'
import { fileChmod, fileCopy, fileMove } from './operations/rearranging.ts'
import { healthDetail } from './operations/health.ts'
import { metrics } from './operations/metrics.ts'
import { searchFiles, searchContent, searchInit } from './operations/search.ts'
import { toolCall } from './operations/tool-call.ts'
import { health, runtimeInfo, runtimeTargets } from './operations/system.ts'
import { transferDownload, transferUpload } from './operations/transfer.ts'
import {
  scrollbackClear,
  scrollbackResize,
  terminalCreate,
  terminalDelete,
  terminalList,
  terminalScrollback,
} from './operations/terminals.ts'
import { terminalInput, terminalResize } from './operations/terminal-typing.ts'
import { watcherCreate, watcherDelete, watcherGet, watcherList } from './operations/watchers.ts'

/** Every built-in operation, including those of toolsets that are off. */
export const catalog = [
  fileList,
  fileRead,
  fileWrite,
  fileMkdir,
  fileStat,
  fileDelete,
  searchContent,
  searchFiles,
  searchInit,
  execRun,
  execList,
  execGet,
  execInput,
  execDelete,
  execDeleteAll,
  terminalCreate,
  terminalList,
  terminalScrollback,
  terminalDelete,
  watcherCreate,
  watcherList,
  watcherGet,
  watcherDelete,
  // in toolsets that are off by default
  terminalInput,
  terminalResize,
  fileMove,
  fileCopy,
  fileChmod,
  // REST alone from here on
  fileStream,
  fileRawRead,
  fileRawWrite,
  transferDownload,
  transferUpload,
  execAttach,
  scrollbackResize,
  scrollbackClear,
  health,
  healthDetail,
  metrics,
  runtimeInfo,
  runtimeTargets,
  toolCall,
  portList,
  desktopStatus,
] as unknown as readonly Operation[] // each is an Operation of its own schemas; the gate types the input by them

/** The resource kinds that MCP serves by URI. */
export { resourceKinds } from './operations/resources.ts'

/** Every toolset that a start, or a client, may name. */
export const TOOLSETS: readonly string[] = [
  DEFAULT_SET,
  ...new Set(catalog.filter(({ tool }) => tool !== undefined).map(setOf)),
]

/** The built-in operations that REST serves with these toolsets switched on. */
export function catalogWith(toolsets: readonly string[] = []): readonly Operation[] {
  return catalog.filter(servedWith(toolsets))
}

/** Tells whether REST serves an operation with these toolsets switched on. */
export function servedWith(toolsets: readonly string[] = []): (op: Operation) => boolean {
  return ({ tool }) => tool?.toolset === undefined || tool.routed === 'always' || toolsets.includes(tool.toolset)
}
