import type { Agent } from 'node:http'
import { type ConnectionOptions, createSecureContext, type SecureContextOptions } from 'node:tls'
import { type Check, DEFLATE_CHECKS, MAX_PAYLOAD } from '../connection/option-checks.ts'
import { fault } from '../contract/fault.ts'
import { DEFLATE_DEFAULTS, type DeflateSettings } from '../deflate/negotiate.ts'

/** How a client knows a server, and itself, over TLS: as `tls.connect` takes it. */
export type NodeTlsOptions =
  SecureContextOptions & Pick<ConnectionOptions, 'rejectUnauthorized' | 'servername' | 'checkServerIdentity' | 'secureContext'>

/** How messages are compressed (RFC 7692), where the server agrees. */
export interface NodeDeflateOptions {
  /** Messages of fewer bytes are sent uncompressed. Default 1024: these fit into one packet anyway. */
  threshold?: number
  /** From 1, the fastest, to 9, the smallest. Default 1. */
  level?: number
  /** Memory of the compressor, from 1, the least, to 9. Default 8. */
  memLevel?: number
  /**
   * Whether messages may refer to those before them, in both directions. That makes similar messages much smaller, but both
   * ends keep memory for each connection: here some 300 KiB with the other defaults. Default `false`.
   */
  contextTakeover?: boolean
  /** The size of the window in which repetitions are found, as a power of 2: from 9 to 15, in both directions. Default 15. */
  windowBits?: number
}

/** What only Node.js can do of a client's connections. */
export interface NodeLineOptions {
  /** For `wss:` URLs without an `agent`. */
  tls?: NodeTlsOptions
  /**
   * Makes the connections, through a proxy for example; for `wss:` URLs it is an `https.Agent`, with its own TLS options. It speaks
   * HTTP/1.1. Default: each connection is made directly.
   */
  agent?: Agent
  /**
   * Whether `wss:` URLs without an `agent` may go over HTTP/2: if the server chooses it and announces WebSockets over it
   * (RFC 8441), all connections of a client to an origin are streams of one session. Otherwise they go over HTTP/1.1. Default `true`.
   */
  http2?: boolean
  /**
   * The largest message from the server, in bytes, all fragments together and decompressed; a larger one closes with 1009. Default
   * 64 MiB: you have chosen the server, and browsers have no limit at all; but a server that fails must not fill your memory.
   */
  maxPayload?: number
  /** Offers to compress messages; `true` means `{}`. Default `false`. */
  deflate?: boolean | NodeDeflateOptions
}

/** The options with their defaults. */
export interface NodeLineSettings {
  readonly tls: NodeTlsOptions
  readonly agent: Agent | undefined
  readonly http2: boolean
  readonly maxPayload: number
  /** Null: nothing is offered. */
  readonly deflate: DeflateSettings | null
}

const CHECKS: Record<string, Check> = { maxPayload: MAX_PAYLOAD, ...DEFLATE_CHECKS }

/** @throws {FST_ERR_WS_CLIENT_OPTION} a value is wrong */
export function settingsOf (options: NodeLineOptions): NodeLineSettings {
  const { tls, agent, http2 = true, maxPayload = 64 * 1024 * 1024, deflate = false } = options
  return {
    tls: tls === undefined ? {} : checkedTls(tls),
    agent,
    http2: http2 && agent === undefined,
    maxPayload: filledIn({ maxPayload }, {}, '').maxPayload,
    deflate: deflate === false ? null : filledIn(DEFLATE_DEFAULTS, deflate === true ? {} : deflate, 'deflate.')
  }
}

/** With what its keys and certificates are read to, once for all connections. */
function checkedTls (tls: NodeTlsOptions): NodeTlsOptions {
  try {
    return { ...tls, secureContext: tls.secureContext ?? createSecureContext(tls) }
  } catch (cause) {
    throw fault('FST_ERR_WS_CLIENT_OPTION', `the option 'tls' is wrong: ${(cause as Error).message}`, cause)
  }
}

/** The values given, checked, and the defaults where none is. */
function filledIn<Values extends object> (defaults: Values, given: Partial<Values>, prefix: string): Values {
  const values = { ...defaults }
  for (const name of Object.keys(defaults) as Array<keyof Values & string>) {
    if (given[name] !== undefined) values[name] = given[name]
    const [isValid, expected] = CHECKS[name]!
    if (!isValid(values[name])) throw fault('FST_ERR_WS_CLIENT_OPTION', `the option '${prefix}${name}' must be ${expected}`)
  }
  return values
}
