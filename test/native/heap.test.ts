// The settings of glibc's heap are taken where there is glibc.

import t from 'tap'
import { keepHeapSmall } from '../../src/native/heap.ts'

t.test('glibc takes the settings of its heap; another C library is left as it is', async (t) => {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } } // Node's format
  t.equal(keepHeapSmall(), header.glibcVersionRuntime !== undefined)
})
