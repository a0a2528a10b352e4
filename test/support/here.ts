// Types of the starts of commands and terminals on file systems of this machine: they return no promise.

import type { Child, Children, ProgramOptions, SpawnOptions } from '../../src/workspace/processes/child.ts'
import type { Leader } from '../../src/workspace/processes/leader.ts'
import type { Terminal } from '../../src/workspace/terminals/terminal.ts'
import type { TerminalRequest, Terminals } from '../../src/workspace/terminals/terminals.ts'

export type ChildrenHere = {
  spawn(options: SpawnOptions): Child
  spawnOn(terminal: string, options: ProgramOptions): Leader
} & Children

export type TerminalsHere = { create(request: TerminalRequest): Terminal } & Terminals

export const childrenHere = (children: Children): ChildrenHere => children as ChildrenHere

export const terminalsHere = (terminals: Terminals): TerminalsHere => terminals as TerminalsHere
