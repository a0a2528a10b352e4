// Times that the daemon waits for a client, in milliseconds: one policy for all doors (protocol.md#limits). A client
// that takes longer loses its connection; its commands in the workspace run on. Times for applications and other
// daemons are in proxy/proxy.ts and forward.ts.

/** Time for the headers of a request, 408 beyond it (H-01); Node looks for late ones each `checkMs`. */
export const HEADER_TIME: HeaderTime = { mostMs: 10_000, checkMs: 5_000 }

export interface HeaderTime {
  readonly mostMs: number
  readonly checkMs: number
}

/**
 * Idle time between two requests. Gateways close idle connections after 60 s; ours live longer, so no request meets a
 * closing one.
 */
export const KEEP_ALIVE_MS = 75_000
/** Idle time of a client without a valid credential, while places are scarce. */
export const STRANGER_IDLE_MS = 5_000

/** Time until the next byte of a body, 408 beyond it; its reader holds memory or a half-written file. */
export const BODY_STALL_MS = 30_000

/**
 * Time until a client takes the next byte of a stream of events, which paces the command behind it or grows in memory.
 */
export const EVENT_STALL_MS = 10_000
/** Time until a client takes the next byte of any other reply, which paces no command. */
export const REPLY_STALL_MS = 60_000
/** Time between two signs of life in a silent stream: proxies and clients cut idle ones, many after 60 s. */
export const HEARTBEAT_MS = 15_000

/**
 * Time from a refusal until its connection is cut: a client that is still sending reads the answer when it has sent
 * all.
 */
export const CALLER_LINGER_MS = 10_000
/** Time of lingering for a client without a valid credential, and for a request that cannot be parsed. */
export const STRANGER_LINGER_MS = 2_000
/** Time of lingering for an upgrade (X-02: gone within 1 s). */
export const UPGRADE_LINGER_MS = 800

/** Time of silence after which a tunnel with one direction ended is cut. */
export const HALF_CLOSED_MS = 60_000

/**
 * Time for which sockets, tunnels and subscriptions of an expired JWT go on: the client renews it (protocol.md#jwt).
 */
export const EXPIRY_GRACE_MS = 60_000
/**
 * Time for waiting calls after their credential was withdrawn (protocol.md#auth), the same as at a stop (C-01): the
 * client may have asked for the change of the token over this very connection.
 */
export const WITHDRAWN_GRACE_MS = 10_000
