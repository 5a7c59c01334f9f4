/** What a client is told to do, and what it tells of it. Both cross process borders as JSON. */

/** Text as it is, bytes as base64. */
export interface Content {
  kind: 'text' | 'binary'
  data: string
}

/** A message in the fragments in which it is sent; one for most. */
export interface Message {
  kind: Content['kind']
  fragments: string[]
}

/**
 * One connection from its beginning to its end: send everything, wait for the replies, ping, close. Without `close` the
 * server closes.
 */
export interface Visit {
  protocols?: string[]
  /** `false`: do not offer permessage-deflate. */
  deflate?: false
  send?: Message[]
  /** How many messages to wait for; by default as many as are sent. */
  replies?: number
  ping?: boolean
  close?: { code?: number, reason?: string }
}

/** A connection as the client saw it. */
export interface Report {
  opened: boolean
  /** The subprotocol, or an empty string. */
  protocol: string
  /** What the server's Sec-WebSocket-Extensions says, or an empty string. */
  extensions: string
  received: Content[]
  /** Milliseconds from ping to pong. */
  roundTrip: number | null
  close: { code: number, reason: string } | null
  /** What it says of a failure. */
  error: string | null
}

/** What a client's API can do. The checks that need more are not run for it. */
export interface Abilities {
  /** It sends a message in fragments. */
  fragments: boolean
  /** It sends pings. */
  ping: boolean
  /** It closes without a code. */
  closeWithoutCode: boolean
  /** It accepts that the server chooses none of the subprotocols that it has offered. */
  toleratesNoProtocol?: boolean
  /** It compresses what it sends. */
  compresses: boolean
  /** It can leave out the offer of permessage-deflate. */
  declinesDeflate: boolean
}

export interface Client {
  can: Abilities
  /** What it says of a handshake that is refused with 401, or a part of it. */
  refusal: string
  visit (url: string, visit: Visit): Promise<Report>
}

export function text (...fragments: string[]): Message {
  return { kind: 'text', fragments }
}

export function binary (...fragments: Uint8Array[]): Message {
  return { kind: 'binary', fragments: fragments.map(bytes => Buffer.from(bytes).toString('base64')) }
}

/** What arrives of a message. */
export function contentOf ({ kind, fragments }: Message): Content {
  if (kind === 'text') return { kind, data: fragments.join('') }
  const bytes = Buffer.concat(fragments.map(fragment => Buffer.from(fragment, 'base64')))
  return { kind, data: bytes.toString('base64') }
}

export function content (message: string | Buffer): Content {
  return typeof message === 'string'
    ? { kind: 'text', data: message }
    : { kind: 'binary', data: message.toString('base64') }
}

export const MIB = 1024 * 1024

/** Text of that many bytes, with letters of one to four. */
export function mixed (size: number): string {
  const unit = 'aä€🌍'
  const whole = unit.repeat(Math.floor(size / Buffer.byteLength(unit)))
  return whole.padEnd(whole.length + size - Buffer.byteLength(whole), 'x')
}
