// Prompts from files: their names, their arguments, and files that are no prompts.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { McpCall } from '../../../../src/transports/mcp/protocol/registry.ts'
import { openPrompts, promptOf, type PromptSource } from '../../../../src/transports/mcp/product/prompt-files.ts'
import { EVERYTHING } from '../../../../src/workspace/files/opening/access.ts'
import { readRepositoryFolder } from '../../../../src/workspace/files/read/repository-file.ts'

const ASKING = { caller: { scopes: 'all' } } as unknown as McpCall // prompts read no other field

const sourceOf = (folder: string): PromptSource => ({
  folder,
  files: (accepts, most) => readRepositoryFolder(folder, { top: '/', access: EVERYTHING }, { accepts, most }),
})

t.test('a folder of files', async (t) => {
  const folder = t.testdir({
    'review.md':
      '---\ntitle: Review\ndescription: "Reviews a change"\n---\nReview {{ branch }} as {{branch}} for {{who}}.',
    'plain.txt': '# Say hello\n\nHello, $& and {{ }} and {{1x}}.',
    'not a name.md': 'x',
    '.hidden.md': 'x',
    'picture.png': 'x',
    'plain.md': 'The other plain.',
    'long.md': 'x'.repeat(65 * 1024),
  })
  mkdirSync(join(folder, 'folder.md'))
  const prompts = openPrompts(sourceOf(folder))
  t.same(await prompts.list(ASKING), [
    { name: 'plain', description: 'The other plain.' },
    {
      name: 'review',
      title: 'Review',
      description: 'Reviews a change',
      arguments: [
        { name: 'branch', required: true },
        { name: 'who', required: true },
      ],
    },
  ])
  t.same(await prompts.get('review', { branch: '$& {{who}}', who: 'me', more: 'x' }, ASKING), {
    result: {
      description: 'Reviews a change',
      messages: [{ role: 'user', content: { type: 'text', text: 'Review $& {{who}} as $& {{who}} for me.' } }],
    },
  })
  t.match(await prompts.get('review', { branch: 'x' }, ASKING), { refusal: { code: -32602, message: /needs "who"/ } })
  t.equal(await prompts.get('../review', {}, ASKING), undefined)
  t.equal(await prompts.get('constructor', {}, ASKING), undefined)

  writeFileSync(join(folder, 'review.md'), 'Now without.')
  t.match(await prompts.get('review', {}, ASKING), { result: { messages: [{ content: { text: 'Now without.' } }] } })
  rmSync(folder, { recursive: true })
  t.same(await prompts.list(ASKING), [])
  t.same(await openPrompts(undefined).list(ASKING), [])
})

t.test('what a file says of itself', async (t) => {
  t.same(promptOf('a', 'Text {{constructor}}').arguments, [{ name: 'constructor', required: true }])
  t.same(promptOf('a', '---\r\ntitle: T\r\n---\r\nText\r\n'), {
    name: 'a',
    title: 'T',
    description: 'Text',
    text: 'Text\r\n',
  })
  t.same(promptOf('a', '---\nno end'), { name: 'a', description: '---', text: '---\nno end' })
  t.same(promptOf('a', ''), { name: 'a', text: '' })
})
