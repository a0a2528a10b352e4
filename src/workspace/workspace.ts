// The workspace: everything alive that operations work with, opened once by main and handed to each call.
// It composes; the parts decide.

import type { Children } from './child.ts'
import type { ContentSearch } from './content-search.ts'
import type { FileWriter } from './file-writer.ts'
import type { Tasks } from './tasks.ts'
import type { Walkers } from './walkers.ts'

export interface Workspace extends AsyncDisposable {
  /** Where commands start unless the request says otherwise (contract 15.4). */
  readonly workdir: string
  /** The environment that commands inherit (contract 18). */
  readonly environment: Readonly<Record<string, string>>
  /** The user's login shell. */
  readonly shell: string
  readonly children: Children
  readonly tasks: Tasks
  readonly walkers: Walkers
  readonly search: ContentSearch
  readonly writer: FileWriter
}
