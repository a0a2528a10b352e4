// A finding of the checker: the broken promise, and the evidence.

export const RULES = [
  'file',
  'log',
  'output',
  'exit',
  'run once',
  'terminal',
  'watcher',
  'temporary file',
  'leftover',
  'daemon',
] as const

export interface Violation {
  readonly rule: (typeof RULES)[number]
  readonly detail: string
}

export const violation =
  (rule: Violation['rule']) =>
  (detail: string): Violation => ({ rule, detail })
