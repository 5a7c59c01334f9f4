import ipaddr from 'ipaddr.js'
import type { LimitOptions } from '../../types/options.ts'
import type { RateLimit } from '../connection/meter.ts'
import { FST_ERR_WS_FULL, FST_ERR_WS_TOO_MANY } from '../errors.ts'
import type { Observer } from './life.ts'
import type { LiveSocket, Request } from './live-socket.ts'

/** Stands for a limit that was not set. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER

interface Share {
  connections: number
  handshakes: number
}

/** Counts the connections of a scope or of a route, in all and by address, and refuses what is too many. */
export class Limiter {
  readonly #most: number
  readonly #mostPerAddress: number
  readonly #mostHandshakes: number
  #connections = 0
  readonly #shares = new Map<string, Share>()

  constructor ({ connections, connectionsPerAddress, handshakesPerAddress }: LimitOptions) {
    this.#most = connections || NO_LIMIT
    this.#mostPerAddress = connectionsPerAddress || NO_LIMIT
    this.#mostHandshakes = handshakesPerAddress || NO_LIMIT
  }

  /**
   * A handshake begins.
   *
   * @param address '' where there is none, as on a Unix socket: then only the connections in all count
   * @throws {FST_ERR_WS_FULL | FST_ERR_WS_TOO_MANY}
   */
  enter (address: string): void {
    if (this.#connections >= this.#most) throw new FST_ERR_WS_FULL()
    if (address !== '') {
      const share = this.#shares.get(address) ?? { connections: 0, handshakes: 0 }
      if (share.connections >= this.#mostPerAddress) throw new FST_ERR_WS_TOO_MANY(this.#mostPerAddress, 'connections')
      if (share.handshakes >= this.#mostHandshakes) throw new FST_ERR_WS_TOO_MANY(this.#mostHandshakes, 'handshakes')
      share.connections++
      share.handshakes++
      this.#shares.set(address, share)
    }
    this.#connections++
  }

  /** A handshake has ended, well or not. */
  handshakeEnded (address: string): void {
    const share = this.#shares.get(address)
    if (share !== undefined) share.handshakes--
  }

  /** A connection has ended, or its handshake was refused. */
  leave (address: string): void {
    this.#connections--
    const share = this.#shares.get(address)
    if (share !== undefined && --share.connections === 0) this.#shares.delete(address)
  }
}

/** The place of one connection in the counts, from the beginning of its handshake on. */
class Reservation {
  readonly #limiters: Limiter[] = []
  readonly #address: string

  /**
   * @param ip `request.ip`
   * @throws {FST_ERR_WS_FULL | FST_ERR_WS_TOO_MANY} then nothing has been counted
   */
  constructor (limiters: readonly Limiter[], ip: string | undefined) {
    this.#address = addressOf(ip)
    try {
      for (const limiter of limiters) {
        limiter.enter(this.#address)
        this.#limiters.push(limiter)
      }
    } catch (error) {
      this.cancel()
      throw error
    }
  }

  /** The handshake has led to no connection. */
  cancel (): void {
    this.handshakeEnded()
    this.leave()
  }

  handshakeEnded (): void {
    for (const limiter of this.#limiters) limiter.handshakeEnded(this.#address)
  }

  leave (): void {
    for (const limiter of this.#limiters) limiter.leave(this.#address)
  }
}

/** Holds the reservations of a route's handshakes and connections. */
export class Reservations implements Observer {
  readonly #limiters: readonly Limiter[]
  readonly #held = new Map<Request, Reservation>()

  /** @param limiters at least one */
  constructor (limiters: readonly Limiter[]) {
    this.#limiters = limiters
  }

  /**
   * A handshake begins whose client is still there.
   *
   * @throws {FST_ERR_WS_FULL | FST_ERR_WS_TOO_MANY}
   */
  reserve (request: Request): void {
    this.#held.set(request, new Reservation(this.#limiters, request.ip))
  }

  refused (request: Request): void {
    // It has none if there was no room for it.
    this.#held.get(request)?.cancel()
    this.#held.delete(request)
  }

  opened ({ request }: LiveSocket): void {
    this.#held.get(request)!.handshakeEnded()
  }

  closed ({ request }: LiveSocket): void {
    this.#held.get(request)!.leave()
    this.#held.delete(request)
  }
}

/** Null: nothing is to be counted. */
export function createLimiter (limits: LimitOptions | undefined): Limiter | null {
  if (!limits?.connections && !limits?.connectionsPerAddress && !limits?.handshakesPerAddress) return null
  return new Limiter(limits)
}

/** The rate that a plugin and a route allow a client; null: any. */
export function rateLimit (ofPlugin: LimitOptions = {}, ofRoute: LimitOptions = {}): RateLimit | null {
  const messages = (ofRoute.messagesPerSecond ?? ofPlugin.messagesPerSecond) || NO_LIMIT
  const bytes = (ofRoute.bytesPerSecond ?? ofPlugin.bytesPerSecond) || NO_LIMIT
  if (messages === NO_LIMIT && bytes === NO_LIMIT) return null
  return { messages, bytes, over: ofRoute.over ?? ofPlugin.over ?? 'close' }
}

/** Kinds of IPv6 addresses whose first 64 bits do not tell clients apart: ipaddr.js names them. */
const ALIKE = ['linkLocal', 'rfc6052', 'rfc6145']

/** By what an address is counted: a client with IPv6 can take any of the 2^64 addresses of its network. */
function addressOf (ip: string | undefined): string {
  if (ip === undefined) return ''
  if (!ipaddr.isValid(ip)) return ip
  const address = ipaddr.process(ip)
  if (!(address instanceof ipaddr.IPv6) || ALIKE.includes(address.range())) return address.toString()
  return address.parts.slice(0, 4).join(':')
}
