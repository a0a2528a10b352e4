// Whether what git ignores is left out, where a request may say so in two ways. The more specific wish wins: to
// see everything.

export function rulesWanted(asked: { readonly use_gitignore?: boolean; readonly no_gitignore?: boolean }): boolean {
  return asked.no_gitignore !== true && asked.use_gitignore !== false
}
