// How the children of a test are started: as for a daemon that differs from a login in nothing, or in what
// TEST_CHILD_START says. test/service/child-start.test.ts runs the tests of exec and child once more so.

import type { ChildStartOptions } from '../../src/workspace/processes/child-start.ts'

const forced = process.env['TEST_CHILD_START']

export const CHILD_START: ChildStartOptions = forced === undefined ? {} : JSON.parse(forced)
