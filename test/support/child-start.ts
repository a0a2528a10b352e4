// How the children of a test are started: as for a daemon that differs from a login in nothing, or in what
// TEST_CHILD_START says. test/service/child-start.test.ts runs the tests of exec and child once more so, and
// test/native/old-libc.slow.test.ts as on a C library that cannot set a child's directory: TEST_SPAWN_CHDIR=no.

import type { ChildrenOptions } from '../../src/workspace/processes/child.ts'

const forced = process.env['TEST_CHILD_START']

export const CHILD_START: ChildrenOptions = {
  ...(forced === undefined ? {} : JSON.parse(forced)),
  ...(process.env['TEST_SPAWN_CHDIR'] === 'no' ? { setsDirectory: false } : {}),
}
