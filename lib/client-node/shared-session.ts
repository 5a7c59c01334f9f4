import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants, type OutgoingHttpHeaders } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { fault } from '../contract/fault.ts'
import type { NodeTlsOptions } from './options.ts'
import { connectSecure } from './upgrade-request.ts'

/** What is offered by ALPN, the preferred one first. */
const VERSIONS = ['h2', 'http/1.1']

/** Bytes that a stream may have on the way to us: what a paused line holds at most, and how fast a large message comes. */
const STREAM_WINDOW = 1024 * 1024
/** The same for all streams together. Node never lets it fill because one of them is not read. */
const SESSION_WINDOW = 16 * 1024 * 1024

/** Milliseconds that a server has to show that it is still there. */
const PROBE = 10_000
/** Milliseconds that a server has to close the connection once everything is done. */
const LINGER = 5000

/** Who waits for a session; told one of the two, once. */
export interface Waiter {
  /**
   * It is known now what the server speaks: ask again.
   *
   * @param connected a connection that has not been used, if the server speaks HTTP/1.1
   */
  onSettled (connected?: TLSSocket): void
  onFailed (error: Error): void
}

/** Who keeps sessions. */
export interface SessionOwner {
  /** The server cannot open WebSockets over HTTP/2. */
  onHttp1 (): void
  /** The session is not to be used any more. */
  onOver (session: SharedSession): void
}

/** One connection over HTTP/2, shared by lines. It ends with the last of them. */
export class SharedSession {
  readonly #owner: SessionOwner
  readonly #socket: TLSSocket
  /** Null while TLS is being set up. */
  #session: ClientHttp2Session | null = null
  /**
   * LATE: somebody who waited has given up. DOUBTED: a stream was cut, perhaps since nothing comes any more. Both are for those who
   * have it already: if the network has gone, nobody else should wait for it.
   */
  #state: 'CONNECTING' | 'LATE' | 'OPEN' | 'DOUBTED' | 'OVER' = 'CONNECTING'
  readonly #waiters = new Set<Waiter>()
  readonly #streams = new Set<ClientHttp2Stream>()
  #error: Error | null = null
  #timer: NodeJS.Timeout | undefined

  constructor (url: URL, tls: NodeTlsOptions, owner: SessionOwner) {
    this.#owner = owner
    this.#socket = connectSecure(url, tls, VERSIONS)
    this.#socket.on('secureConnect', this.#onSecure)
    this.#socket.on('error', this.#onFailed)
  }

  /** Whether streams can be opened; otherwise wait. */
  get isOpen (): boolean {
    return this.#state === 'OPEN'
  }

  /** Whether it takes another line, now or once it is connected. */
  get isOffered (): boolean {
    if (this.#state === 'CONNECTING') return true
    if (!this.isOpen) return false
    const { closed, destroyed, remoteSettings } = this.#session!
    // After the server's GOAWAY it is closed, and once it has failed, destroyed: we hear of that last, after all of its streams have
    // closed. A server that allows no streams at all may do so later.
    return !closed && !destroyed && this.#streams.size < Math.max(1, remoteSettings.maxConcurrentStreams!)
  }

  wait (waiter: Waiter): void {
    this.#waiters.add(waiter)
  }

  /** Gives up waiting. */
  leave (waiter: Waiter): void {
    this.#waiters.delete(waiter)
    if (this.#state !== 'CONNECTING' && this.#state !== 'LATE') return
    this.#state = 'LATE'
    if (this.#waiters.size > 0) return
    this.#setOver()
    // The session ends with it, without a GOAWAY, which only those need to hear who have streams.
    this.#socket.destroy()
  }

  /**
   * Opens a stream.
   *
   * @throws what Node.js says of headers that HTTP/2 cannot send; a session that is offered does not refuse otherwise
   */
  request (headers: OutgoingHttpHeaders): ClientHttp2Stream {
    const stream = this.#session!.request(headers, { endStream: false })
    this.#streams.add(stream)
    stream.on('close', () => {
      this.#streams.delete(stream)
      if (this.#streams.size === 0) this.#close()
      // So we cut a line, perhaps for its silence. What ends with another code was ended by the server, which is there then.
      else if (stream.rstCode === constants.NGHTTP2_CANCEL) this.#probe()
    })
    return stream
  }

  readonly #onSecure = (): void => {
    if (this.#socket.alpnProtocol !== 'h2') {
      this.#socket.off('error', this.#onFailed)
      this.#setOver()
      this.#owner.onHttp1()
      this.#settle(this.#socket)
      return
    }
    this.#session = connect('https://localhost', {
      createConnection: () => this.#socket,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW }
    })
    // Not at its event `connect`: by then somebody may have destroyed it.
    this.#session.setLocalWindowSize(SESSION_WINDOW)
    this.#session.once('remoteSettings', this.#onSettings)
    this.#session.on('error', error => { this.#error = error })
    this.#session.on('close', () => {
      this.#onFailed(this.#error ?? fault('FST_ERR_WS_CLIENT_HANDSHAKE', 'the server closed the HTTP/2 connection before its SETTINGS'))
    })
  }

  readonly #onSettings = (): void => {
    // It may only come with the first SETTINGS: RFC 8441 section 3 lets nobody wait for others.
    if (this.#session!.remoteSettings.enableConnectProtocol) {
      this.#state = 'OPEN'
    } else {
      this.#owner.onHttp1()
    }
    this.#settle()
    if (this.#streams.size === 0) this.#close()
  }

  readonly #onFailed = (error: Error): void => {
    this.#setOver()
    for (const waiter of this.#waiters) {
      this.#waiters.delete(waiter)
      waiter.onFailed(error)
    }
  }

  /** Whoever is told may make others leave. */
  #settle (connected?: TLSSocket): void {
    for (const waiter of this.#waiters) {
      this.#waiters.delete(waiter)
      waiter.onSettled(connected)
      connected = undefined
    }
  }

  /** Pings the server, which may have vanished (RFC 9113 §6.7): TCP alone would take a quarter of an hour to find out. */
  #probe (): void {
    if (!this.isOpen || this.#session!.destroyed) return
    this.#state = 'DOUBTED'
    this.#awaitSound()
    this.#session!.ping(error => {
      if (error !== null || this.#state !== 'DOUBTED') return
      clearTimeout(this.#timer)
      this.#state = 'OPEN'
    })
  }

  #awaitSound (): void {
    const { bytesRead } = this.#socket
    this.#timer = setTimeout(() => {
      // The answer may stand behind much that others get.
      if (this.#socket.bytesRead > bytesRead) {
        this.#awaitSound()
        return
      }
      this.#session!.destroy(Object.assign(new Error('the server does not answer any more'), { code: 'ETIMEDOUT' }))
      this.#socket.destroy()
    }, PROBE)
  }

  /** Nobody uses it any more. */
  #close (): void {
    this.#setOver()
    this.#session!.close()
    // Once all is done, Node would wait forever for a server that does not close, and the process would wait with it.
    this.#socket.unref()
    const timer = setTimeout(() => this.#socket.destroy(), LINGER).unref()
    this.#socket.on('close', () => clearTimeout(timer))
  }

  #setOver (): void {
    clearTimeout(this.#timer)
    if (this.#state === 'OVER') return
    this.#state = 'OVER'
    this.#owner.onOver(this)
  }
}
