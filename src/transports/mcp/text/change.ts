// What was changed, in one sentence. Pure.

import { counted } from './limits.ts'
import { countOf, textOf, textView, type Subject, type View } from './view.ts'

export function writtenView({ body }: Subject): View {
  const size = countOf(body, 'size') ?? 0
  const inPlace =
    body['atomic'] === false ? ' It was written in place, since it has other links or cannot be replaced.' : ''
  return textView([`Written: ${textOf(body, 'path')}, now ${counted(size, 'byte')}.${inPlace}`], ['success'])
}

export function deletedView({ body }: Subject): View {
  return textView([`Deleted: ${textOf(body, 'path')}.`], ['success'])
}
