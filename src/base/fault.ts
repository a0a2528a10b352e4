// Every refusal and failure that a caller can see is a Fault: one code out of a closed list, one sentence that names
// the field, the value that came and the values that are accepted. The list carries the HTTP status of each code
// (protocol.md#errors); the JSON-RPC forms are derived in transports/mcp.

import { bytesOfText, shownText } from './bytes-text.ts'

export const FAULT_STATUS = {
  bad_request: 400,
  not_regular: 400,
  bad_cwd: 400,
  unauthorized: 401,
  forbidden: 403,
  not_executable: 403,
  not_found: 404,
  command_not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  conflict: 409,
  precondition_failed: 412,
  payload_too_large: 413,
  unsupported_media_type: 415,
  range_not_satisfiable: 416,
  upgrade_required: 426,
  rate_limited: 429,
  internal_error: 500,
  spawn_failed: 500,
  not_supported: 501,
  bad_gateway: 502,
  unavailable: 503,
  timeout: 504,
  insufficient_storage: 507,
} as const

export type FaultCode = keyof typeof FAULT_STATUS

export interface FaultDetails {
  /** Machine-readable facts that belong to the sentence: field, limit, bytes … */
  readonly [key: string]: unknown
}

const NO_HEADERS = {}

export class Fault extends Error {
  override readonly name = 'Fault'
  readonly code: FaultCode
  readonly details: FaultDetails | undefined
  /** Seconds for the Retry-After header of 429 and 503; undefined: the header is left out. */
  readonly retryAfter: number | undefined
  /** Headers that belong to this refusal over HTTP, in lower case. */
  readonly headers: Readonly<Record<string, string>>

  constructor(
    code: FaultCode,
    sentence: string,
    more: {
      details?: FaultDetails
      retryAfter?: number
      headers?: Readonly<Record<string, string>>
      cause?: unknown
    } = {},
  ) {
    super(shownText(sentence), more.cause === undefined ? undefined : { cause: more.cause })
    this.code = code
    this.details = more.details && told(more.details)
    this.retryAfter = more.retryAfter
    this.headers = more.headers ?? NO_HEADERS
  }

  get status(): number {
    return FAULT_STATUS[this.code]
  }
}

/** A byte that is no UTF-8, as paths hold it (bytes-text.ts). */
const BYTE = /[\udc80-\udcff]/u

/** Returns the details for an answer: a path that is not UTF-8 as text for people, with its bytes beside it. */
function told(details: FaultDetails): FaultDetails {
  const fields = Object.entries(details)
  if (fields.every(([, value]) => isWhole(value))) return details
  const exact = ([name, value]: readonly [string, unknown]): (readonly [string, unknown])[] => {
    if (Array.isArray(value)) return [[name, value.map((one) => (typeof one === 'string' ? shownText(one) : one))]]
    if (typeof value !== 'string' || value.isWellFormed()) return [[name, value]]
    const bytes = [`${name}_base64`, bytesOfText(value).toString('base64')] as const
    return BYTE.test(value) ? [[name, shownText(value)], bytes] : [[name, shownText(value)]]
  }
  return Object.fromEntries(fields.flatMap(exact))
}

function isWhole(value: unknown): boolean {
  return Array.isArray(value) ? value.every(isWhole) : typeof value !== 'string' || value.isWellFormed()
}

/**
 * Returns the `bad_request` of a field: `sentence` says what came and what is accepted, `got` is the value, cut to 200
 * characters. Usage: `throw refuse('mode', 'mode is "9"; accepted are …', '9')`.
 */
export function refuse(field: string, sentence: string, got?: unknown): Fault {
  return new Fault('bad_request', sentence, {
    details: { field: field.slice(0, ECHOED), ...(got === undefined ? {} : { got: gist(got) }) },
  })
}

/** Characters of a client's value that an error repeats at most, so that an answer does not echo megabytes. */
const ECHOED = 200

function gist(got: unknown): unknown {
  if (typeof got === 'string') return got.slice(0, ECHOED)
  return typeof got === 'object' && got !== null ? quote(got) : got
}

/** A Fault in the form that crosses a thread's boundary, where an Error would lose its own fields. */
export interface FaultNotice {
  readonly code: FaultCode
  readonly sentence: string
  readonly details: FaultDetails | undefined
  readonly retryAfter?: number | undefined
  /** Stack of a defect, for the log. */
  readonly stack?: string | undefined
}

/** Returns the notice of a failure; one that is no Fault becomes `internal_error`, "`work` failed: …". */
export function noticeOf(error: unknown, work: string): FaultNotice {
  if (!(error instanceof Fault)) {
    const stack = error instanceof Error ? error.stack : undefined
    return { code: 'internal_error', sentence: `${work} failed: ${String(error)}`, details: undefined, stack }
  }
  const { code, message, details, retryAfter } = error
  return { code, sentence: message, details, retryAfter }
}

/** Returns the Fault that a notice was made of, on the other side of the boundary. */
export function faultOf({ code, sentence, details, retryAfter, stack }: FaultNotice): Fault {
  return new Fault(code, sentence, {
    ...(details === undefined ? {} : { details }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
    ...(stack === undefined ? {} : { cause: stack }),
  })
}

/** Returns the stack of a failure for the log; for a Fault the stack of its cause, if that has one. */
export function stackOf(error: unknown): string {
  const cause = error instanceof Fault ? error.cause : undefined
  if (cause instanceof Error) return stackOf(cause)
  if (typeof cause === 'string') return cause // from another thread, see faultOf
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/** Codes of system calls that are about the caller's request rather than about us. */
const SYSTEM_FAULTS: Readonly<Record<string, readonly [FaultCode, string]>> = {
  ENOENT: ['not_found', 'does not exist'],
  ENOTDIR: ['bad_request', 'has a parent that is not a directory'],
  EISDIR: ['bad_request', 'is a directory'],
  EACCES: ['forbidden', 'may not be accessed by this daemon'],
  EPERM: ['forbidden', 'may not be changed by this daemon'],
  EROFS: ['forbidden', 'is on a read-only file system'],
  EEXIST: ['conflict', 'exists already'],
  ENOTEMPTY: ['conflict', 'is a directory that is not empty'],
  EBUSY: ['conflict', 'is in use (a mount point or a busy device)'],
  ETXTBSY: ['conflict', 'is a program that is running'],
  ELOOP: ['conflict', 'goes through a loop of symbolic links'],
  ENAMETOOLONG: ['bad_request', 'has a name longer than the file system accepts'],
  EINVAL: ['bad_request', 'is not accepted by the file system'],
  EFBIG: ['payload_too_large', 'would exceed the largest file size allowed here'],
  ENOSPC: ['insufficient_storage', 'cannot be written: no space is left on the device'],
  EDQUOT: ['insufficient_storage', 'cannot be written: the disk quota is used up'],
  EMFILE: ['unavailable', 'cannot be opened now: the daemon has no free file descriptor'],
  ENFILE: ['unavailable', 'cannot be opened now: the system has no free file descriptor'],
  ENOMEM: ['unavailable', 'cannot be handled now: the system is out of memory'],
  ENOTCONN: ['unavailable', 'cannot be reached: nobody serves the file system it is on'],
  ECONNABORTED: ['unavailable', 'cannot be reached: nobody serves the file system it is on any more'],
  ESTALE: ['unavailable', 'cannot be reached: its server knows it no more'],
  ETIMEDOUT: ['unavailable', 'cannot be reached: its server does not answer'],
}

/** Returns the errno name of a Node system error ("ENOENT"), or undefined for anything else. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** Returns the failure of a file system call on `path` as a Fault; an unknown error unchanged. */
export function faultOfSystem(error: unknown, path: string): unknown {
  const code = errnoOf(error)
  const known = code === undefined ? undefined : SYSTEM_FAULTS[code]
  if (known === undefined) return error
  const again = known[0] === 'unavailable' ? { retryAfter: RETRY_AFTER_S } : {}
  return new Fault(known[0], `path ${quote(path)} ${known[1]}`, {
    details: { path, errno: code },
    cause: error,
    ...again,
  })
}

/** Seconds after which to ask again when the system has run out of a resource. */
const RETRY_AFTER_S = 1

const EXHAUSTED: Readonly<Record<string, string>> = {
  EMFILE: 'the daemon has no free file descriptor',
  ENFILE: 'the system has no free file descriptor',
  ENOMEM: 'the system is out of memory',
  ERR_WORKER_INIT_FAILED: 'the daemon can start no thread',
}

/**
 * Returns a refusal for an error that means that the system has run out of a resource for the moment (Z-01); undefined
 * for anything else. Loaders of modules and libraries tell it in words only.
 */
export function faultOfExhaustion(error: unknown): Fault | undefined {
  const said = error instanceof Error && /\btoo many open files\b/i.test(error.message) ? 'EMFILE' : errnoOf(error)
  const reason = said === undefined ? undefined : EXHAUSTED[said]
  if (reason === undefined) return undefined
  return new Fault('unavailable', `${reason}; try again when connections or commands have ended`, {
    details: { errno: said },
    retryAfter: RETRY_AFTER_S,
    cause: error,
  })
}

/** Characters of a value that a sentence shows at most. */
const SHOWN = 120

/** Returns a value as an error sentence shows it: JSON, cut at 120 characters. */
export function quote(value: unknown): string {
  const text = sketch(value, SHOWN)
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN - 3)}…`
}

/** Returns the JSON of `value`; stops once it is longer than `room`: the value may be megabytes, or very deep. */
function sketch(value: unknown, room: number): string {
  if (typeof value === 'string') return JSON.stringify(shownText(value.slice(0, Math.max(room, 0) + 1)))
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? String(value)
  // No JSON has a function: such a value defines how it is shown (long-text.ts).
  if ('toJSON' in value && typeof value.toJSON === 'function') return JSON.stringify(value)
  const [begin, end] = Array.isArray(value) ? '[]' : '{}'
  let text = begin ?? ''
  for (const key in value) {
    if (text.length > room) break
    if (text.length > 1) text += ','
    if (!Array.isArray(value)) text += `${sketch(key, room - text.length)}:`
    text += sketch((value as Readonly<Record<string, unknown>>)[key], room - text.length)
  }
  return `${text}${end ?? ''}`
}
