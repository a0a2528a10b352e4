// What an operation is about, by the first word of its name: the chapters of runtime://guide and the tags of the
// API description. Pure.

const AREAS: Readonly<Record<string, string>> = {
  file: 'Files',
  search: 'Search',
  transfer: 'Archives',
  exec: 'Commands',
  terminal: 'Terminals',
  watcher: 'Watching for changes',
  port: 'Ports and previews',
  proxy: 'Ports and previews',
  desktop: 'Desktop',
  health: 'This runtime',
  metrics: 'This runtime',
  runtime: 'This runtime',
  openapi: 'This runtime',
  schema: 'This runtime',
}

/** The chapter of an operation. */
export function areaOf(name: string): string {
  return AREAS[name.split('_', 1)[0] ?? ''] ?? 'More'
}
