// The catalogue: every operation, tools first and in the order of contract 11. Transports project it; none
// of them names an operation.

import type { Operation } from './operation.ts'
import { execAttach, execDelete, execDeleteAll, execGet, execInput, execList, execRun } from './operations/exec.ts'
import { fileDelete, fileMkdir, fileRead, fileStat, fileWrite } from './operations/files.ts'
import { fileList, fileStream } from './operations/list.ts'
import { searchFiles } from './operations/search-files.ts'
import { searchContent, searchInit } from './operations/search.ts'
import { health, runtimeInfo, runtimeTargets } from './operations/system.ts'

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
  // REST alone from here on
  fileStream,
  execAttach,
  health,
  runtimeInfo,
  runtimeTargets,
] as unknown as readonly Operation[] // each is an Operation of its own schemas; the gate types the input by them
