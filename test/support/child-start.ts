// The settings with which a test starts children: those of a login, or what TEST_CHILD_START says.
// test/service/child-start.test.ts runs the tests of exec and child a second time with that variable, and
// test/native/old-libc.slow.test.ts with TEST_SPAWN_CHDIR=no, as on a C library that cannot set a child's directory.

import type { ChildrenOptions } from '../../src/workspace/processes/child.ts'

const forced = process.env['TEST_CHILD_START']

export const CHILD_START: ChildrenOptions = {
  ...(forced === undefined ? {} : JSON.parse(forced)),
  ...(process.env['TEST_SPAWN_CHDIR'] === 'no' ? { setsDirectory: false } : {}),
}
