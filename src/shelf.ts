// A catalogue is a list of operations that may change; transports compare its version and make their projections anew
// when it has risen. A shelf is the part of a catalogue that one owner fills: a `fixed` shelf never changes, a `Shelf`
// is replaced as a whole, `joined` puts several in a row. A clash is refused when a shelf is loaded, so a call never
// finds two operations of one name or route.

import { Fault, quote } from './base/fault.ts'
import type { Operation } from './operation.ts'

export interface Catalog {
  /** Number that rises with every change. */
  readonly version: number
  list(): readonly Operation[]
  find(name: string): Operation | undefined
  /** Calls `tell` after each change, until disposed. */
  onChange(tell: () => void): Disposable
  /** Calls `check` with what a change would leave, before it takes effect. An error that `check` throws refuses it. */
  beforeChange(check: Check): Disposable
}

type Check = (next: readonly Operation[]) => void

/** Operations of one catalogue at most: a list is sent as a whole, and a model can use far fewer. */
const MOST_OPERATIONS = 2000
/** Names of tools that MCP accepts (2025-11-25, tools). */
const NAME = /^[A-Za-z0-9_.-]{1,128}$/
/** Paths that never reach the router: another protocol or another server answers there. */
const TAKEN_PATHS = /^\/(mcp|ws|proxy|runtimes)(\/|$)/

/** Returns a catalogue of `operations` that never changes. Throws `conflict` if two of them clash. */
export function fixed(operations: readonly Operation[]): Catalog {
  return new Shelf(operations)
}

/** A catalogue that its owner replaces as a whole. */
export class Shelf implements Catalog {
  readonly #checks = new Set<Check>()
  readonly #listeners = new Set<() => void>()
  #operations: readonly Operation[]
  #byName: ReadonlyMap<string, Operation>
  #version = 0

  constructor(operations: readonly Operation[] = []) {
    refuseClashes(operations)
    this.#operations = operations
    this.#byName = byName(operations)
  }

  /** Replaces the operations. Throws `conflict` or `bad_request` if one is refused, and then changes nothing. */
  replace(operations: readonly Operation[]): void {
    refuseClashes(operations)
    for (const check of this.#checks) check(operations)
    this.#operations = operations
    this.#byName = byName(operations)
    this.#version++
    for (const tell of this.#listeners) tell()
  }

  get version(): number {
    return this.#version
  }

  list(): readonly Operation[] {
    return this.#operations
  }

  find(name: string): Operation | undefined {
    return this.#byName.get(name)
  }

  onChange(tell: () => void): Disposable {
    return kept(this.#listeners, tell)
  }

  beforeChange(check: Check): Disposable {
    return kept(this.#checks, check)
  }
}

/**
 * Returns the operations of all `shelves`, in their order. Throws `conflict` if two of them clash; a later change of a
 * shelf that would clash with another shelf throws in its `replace`. After its disposal the list stays the same.
 */
export function joined(shelves: readonly Catalog[]): Catalog & Disposable {
  const whole = new Shelf(shelves.flatMap((shelf) => shelf.list()))
  const stack = new DisposableStack()
  const withNext = (changed: Catalog, next: readonly Operation[]): readonly Operation[] =>
    shelves.flatMap((shelf) => (shelf === changed ? next : shelf.list()))
  const checks = new Set<Check>()
  for (const shelf of shelves) {
    stack.use(
      shelf.beforeChange((next) => {
        const all = withNext(shelf, next)
        refuseClashes(all)
        for (const check of checks) check(all)
      }),
    )
    stack.use(shelf.onChange(() => whole.replace(withNext(shelf, shelf.list()))))
  }
  return {
    get version() {
      return whole.version
    },
    list: () => whole.list(),
    find: (name) => whole.find(name),
    onChange: (tell) => whole.onChange(tell),
    beforeChange: (check) => kept(checks, check),
    [Symbol.dispose]: () => stack.dispose(),
  }
}

/** Returns the part of `catalog` that `keeps` keeps. */
export function narrowed(catalog: Catalog, keeps: (op: Operation) => boolean): Catalog {
  const list = perVersion(catalog, (operations) => operations.filter(keeps))
  return {
    get version() {
      return catalog.version
    },
    list,
    find: (name) => {
      const op = catalog.find(name)
      return op !== undefined && keeps(op) ? op : undefined
    },
    onChange: (tell) => catalog.onChange(tell),
    beforeChange: (check) => catalog.beforeChange((next) => check(next.filter(keeps))),
  }
}

/** Returns a function for the result of `make`, which it calls at the first question after each change. */
export function perVersion<T>(catalog: Catalog, make: (operations: readonly Operation[]) => T): () => T {
  let made: { readonly version: number; readonly value: T } | undefined
  return () => {
    if (made?.version !== catalog.version) made = { version: catalog.version, value: make(catalog.list()) }
    return made.value
  }
}

/** Returns the operations by name, in a Map, so that "constructor" names no operation. */
function byName(operations: readonly Operation[]): ReadonlyMap<string, Operation> {
  return new Map(operations.map((op) => [op.name, op]))
}

function kept<T>(set: Set<T>, item: T): Disposable {
  set.add(item)
  return { [Symbol.dispose]: () => void set.delete(item) }
}

/** Throws if two operations have one name or one route, or if one may not be added. */
function refuseClashes(operations: readonly Operation[]): void {
  if (operations.length > MOST_OPERATIONS) {
    throw new Fault('bad_request', `${operations.length} operations came; at most ${MOST_OPERATIONS} are accepted`)
  }
  const names = new Map<string, Operation>()
  const routes = new Map<string, Operation>()
  for (const op of operations) {
    refuseUnfit(op)
    const named = names.get(op.name)
    if (named !== undefined) throw clash(op, `its name is that of ${shown(named)}`)
    names.set(op.name, op)
    for (const { method, path } of op.routes) {
      const key = `${method} ${path.replaceAll(/:[^/]+/g, ':')}`
      const routed = routes.get(key)
      if (routed !== undefined) throw clash(op, `its route ${method} ${path} is that of ${shown(routed)}`)
      routes.set(key, op)
    }
  }
}

/** Throws for a name that no tool can have, and for another author's open operation or path of the daemon. */
function refuseUnfit(op: Operation): void {
  if (!NAME.test(op.name)) {
    const sentence = `the operation ${quote(op.name)} has a name that tools cannot have; accepted are 1 to 128 letters, digits, "_", "-" and "."`
    throw new Fault('bad_request', sentence, { details: { field: 'name' } })
  }
  if (op.origin === undefined || op.origin === 'product') return
  if (op.open === true) throw clash(op, 'only operations of the product may be open to callers without a credential')
  const taken = op.routes.find(({ path }) => TAKEN_PATHS.test(path))
  if (taken !== undefined) throw clash(op, `the daemon itself answers at ${taken.path}`)
}

function clash(op: Operation, why: string): Fault {
  return new Fault('conflict', `${shown(op)} is not loaded: ${why}`, { details: { field: 'name', got: op.name } })
}

function shown({ name, origin = 'product' }: Operation): string {
  return `${quote(name)} of the ${typeof origin === 'string' ? origin : `server ${origin.upstream}`}`
}
