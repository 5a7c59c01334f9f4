import type { TLSSocket } from 'node:tls'
import { endingOf } from '../client/ending.ts'
import { ConnectRequest } from './connect-request.ts'
import type { Handshake } from './handshake.ts'
import type { Opening, OpeningOwner } from './opening.ts'
import type { NodeLineSettings } from './options.ts'
import { SharedSession, type Waiter } from './shared-session.ts'
import { UpgradeRequest } from './upgrade-request.ts'

/** Milliseconds after which a server that could not open WebSockets over HTTP/2 may have learnt it: each asking costs a connection. */
const FORGET = 3_600_000

/** What a dial knows of the servers behind `wss:` URLs, and its sessions to them; keyed by host and port. */
export class Origins {
  readonly #settings: NodeLineSettings
  readonly #sessions = new Map<string, Set<SharedSession>>()
  /** Those that cannot open WebSockets over HTTP/2, and when that was found out. */
  readonly #http1 = new Map<string, number>()

  constructor (settings: NodeLineSettings) {
    this.#settings = settings
  }

  open (handshake: Handshake, owner: OpeningOwner): Opening {
    return new Negotiation(handshake, owner, this.#settings, this)
  }

  /** A session to go over, or to wait for; null: HTTP/1.1 it is. */
  sessionTo (url: URL): SharedSession | null {
    const { host } = url
    if (performance.now() - this.#http1.get(host)! < FORGET) return null
    const sessions = this.#sessions.get(host) ?? new Set()
    this.#sessions.set(host, sessions)
    const offered = [...sessions].find(session => session.isOffered)
    if (offered !== undefined) return offered
    const session = new SharedSession(url, this.#settings.tls, {
      onHttp1: () => { this.#http1.set(host, performance.now()) },
      onOver: over => {
        sessions.delete(over)
        if (sessions.size === 0) this.#sessions.delete(host)
      }
    })
    sessions.add(session)
    return session
  }
}

/** A handshake in the version of HTTP that the server turns out to speak. */
class Negotiation implements Opening, Waiter {
  readonly #handshake: Handshake
  readonly #owner: OpeningOwner
  readonly #settings: NodeLineSettings
  readonly #origins: Origins
  /** Null: there is none, or no need to wait for it any more. */
  #awaited: SharedSession | null = null
  /** Null: it is not known yet which it is. */
  #request: Opening | null = null

  constructor (handshake: Handshake, owner: OpeningOwner, settings: NodeLineSettings, origins: Origins) {
    this.#handshake = handshake
    this.#owner = owner
    this.#settings = settings
    this.#origins = origins
    this.#begin()
  }

  abort (): void {
    this.#awaited?.leave(this)
    this.#request?.abort()
  }

  onSettled (connected?: TLSSocket): void {
    this.#awaited = null
    try {
      this.#begin(connected)
    } catch (error) {
      this.#owner.onUnopened(endingOf({ error: error as Error }))
    }
  }

  onFailed (error: Error): void {
    this.#awaited = null
    this.#owner.onUnopened(endingOf({ initiator: 'remote', error }))
  }

  #begin (connected?: TLSSocket): void {
    const session = this.#origins.sessionTo(this.#handshake.url)
    if (session === null) {
      this.#request = new UpgradeRequest(this.#handshake, this.#owner, this.#settings, connected)
    } else if (session.isOpen) {
      this.#request = new ConnectRequest(this.#handshake, this.#owner, session)
    } else {
      this.#awaited = session
      session.wait(this)
    }
  }
}
