import ipaddr from 'ipaddr.js'
import type { LimitOptions } from '../../types/options.ts'
import type { RateLimit } from '../connection/meter.ts'
import { FST_ERR_WS_FULL, FST_ERR_WS_TOO_MANY } from '../errors.ts'
import type { Observer } from './life.ts'
import type { LiveSocket, PublishLimit, Request } from './live-socket.ts'

/** The value of a limit that is not set. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER

/** The limit `subscriptions`, unless another is set. */
const MAX_SUBSCRIPTIONS = 1000

interface Share {
  connections: number
  handshakes: number
}

/** Counts the connections of a scope or a route, in all and by address, and refuses those over a limit. */
export class Limiter {
  readonly #maxConnections: number
  readonly #maxPerAddress: number
  readonly #maxHandshakes: number
  #connections = 0
  readonly #shares = new Map<string, Share>()

  constructor ({ connections, connectionsPerAddress, handshakesPerAddress }: LimitOptions) {
    this.#maxConnections = connections || NO_LIMIT
    this.#maxPerAddress = connectionsPerAddress || NO_LIMIT
    this.#maxHandshakes = handshakesPerAddress || NO_LIMIT
  }

  /**
   * A handshake begins.
   *
   * @param address '' where there is none, as on a Unix socket: then only the total counts
   * @throws {FST_ERR_WS_FULL | FST_ERR_WS_TOO_MANY}
   */
  enter (address: string): void {
    if (this.#connections >= this.#maxConnections) throw new FST_ERR_WS_FULL()
    if (address !== '') {
      const share = this.#shares.get(address) ?? { connections: 0, handshakes: 0 }
      if (share.connections >= this.#maxPerAddress) throw new FST_ERR_WS_TOO_MANY(this.#maxPerAddress, 'connections')
      if (share.handshakes >= this.#maxHandshakes) throw new FST_ERR_WS_TOO_MANY(this.#maxHandshakes, 'handshakes')
      share.connections++
      share.handshakes++
      this.#shares.set(address, share)
    }
    this.#connections++
  }

  /** A handshake has ended, with a connection or without. */
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

/** The place of one connection in the counts, from the start of its handshake. */
class Reservation {
  readonly #limiters: Limiter[] = []
  readonly #address: string

  /**
   * @param ip `request.ip`
   * @throws {FST_ERR_WS_FULL | FST_ERR_WS_TOO_MANY} then nothing stays counted
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
   * A handshake begins. Its client must still be there: otherwise nothing would ever release the place.
   *
   * @throws {FST_ERR_WS_FULL | FST_ERR_WS_TOO_MANY}
   */
  reserve (request: Request): void {
    this.#held.set(request, new Reservation(this.#limiters, request.ip))
  }

  refused (request: Request): void {
    // A handshake that was over a limit holds no reservation.
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

/** Makes the limiter for these limits; null if there is nothing to count. */
export function createLimiter (limits: LimitOptions | undefined): Limiter | null {
  if (!limits?.connections && !limits?.connectionsPerAddress && !limits?.handshakesPerAddress) return null
  return new Limiter(limits)
}

/** The rate that a plugin and a route allow a client; null if they allow any. */
export function rateLimit (ofPlugin: LimitOptions = {}, ofRoute: LimitOptions = {}): RateLimit | null {
  const messages = (ofRoute.messagesPerSecond ?? ofPlugin.messagesPerSecond) || NO_LIMIT
  const bytes = (ofRoute.bytesPerSecond ?? ofPlugin.bytesPerSecond) || NO_LIMIT
  if (messages === NO_LIMIT && bytes === NO_LIMIT) return null
  return { messages, bytes, over: ofRoute.over ?? ofPlugin.over ?? 'close' }
}

/** How fast a socket may publish; null: as fast as it likes. */
export function publishLimit (ofPlugin: LimitOptions = {}, ofRoute: LimitOptions = {}): PublishLimit | null {
  const perSecond = ofRoute.publishesPerSecond ?? ofPlugin.publishesPerSecond
  return perSecond ? { perSecond, over: ofRoute.over ?? ofPlugin.over ?? 'close' } : null
}

/** How many topics a socket may be subscribed to. */
export function maxSubscriptions (ofPlugin: LimitOptions = {}, ofRoute: LimitOptions = {}): number {
  return (ofRoute.subscriptions ?? ofPlugin.subscriptions ?? MAX_SUBSCRIPTIONS) || NO_LIMIT
}

/** The ranges, as ipaddr.js names them, of IPv6 addresses whose first 64 bits are the same for many clients. */
const ALIKE = ['linkLocal', 'rfc6052', 'rfc6145']

/** The key that an address is counted under. A client with IPv6 can use any of its network's 2^64 addresses. */
function addressOf (ip: string | undefined): string {
  if (ip === undefined) return ''
  if (!ipaddr.isValid(ip)) return ip
  const address = ipaddr.process(ip)
  if (!(address instanceof ipaddr.IPv6) || ALIKE.includes(address.range())) return address.toString()
  return address.parts.slice(0, 4).join(':')
}
