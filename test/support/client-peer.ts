import { EventEmitter } from 'node:events'
import type { ClientOptions, WebSocket } from 'ws'
import type { Line } from '../../lib/client/line.ts'
import type { Ending } from '../../lib/client/types.ts'
import { createDial } from '../../lib/client-node/dial.ts'
import type { NodeDeflateOptions } from '../../lib/client-node/options.ts'

/** What the tests use of the WebSocket of `ws`, over one line of our own client: tests of the server then have it as their peer. */
class ClientPeer extends EventEmitter {
  readonly OPEN = 1
  readyState: 0 | 1 | 2 | 3 = 0
  readonly #line: Line

  constructor (url: string, { headers = {}, origin, perMessageDeflate = true }: ClientOptions) {
    super()
    const dial = createDial({ deflate: settings(perMessageDeflate) })
    const all = { ...headers as Record<string, string>, ...origin === undefined ? {} : { origin } }
    this.#line = dial({ url, protocols: [], headers: all }, {
      onOpen: () => {
        this.readyState = 1
        this.emit('open')
      },
      onMessage: data => { this.emit('message', Buffer.from(data as Uint8Array), typeof data !== 'string') },
      onPong: () => { this.emit('pong', Buffer.alloc(0)) },
      onEnd: ending => this.#ended(ending)
    })
  }

  get protocol (): string {
    return this.#line.protocol
  }

  get bufferedAmount (): number {
    return this.#line.bufferedAmount
  }

  send (data: string | Uint8Array): void {
    this.#line.send(data)
  }

  ping (): void {
    this.#line.ping!()
  }

  pause (): void {
    this.#line.pause!()
  }

  resume (): void {
    this.#line.resume!()
  }

  close (code = 1000, reason = ''): void {
    if (this.readyState !== 1) return
    this.readyState = 2
    this.#line.close(code, reason)
  }

  terminate (): void {
    if (this.readyState === 3) return
    this.#line.drop()
    // A line that is dropped says nothing more.
    process.nextTick(() => this.#closed(1006, ''))
  }

  #ended ({ code, reason, status, error }: Ending): void {
    if (this.readyState === 0) this.emit('error', status === 0 ? error ?? new Error('no connection') : new Error(`Unexpected server response: ${status}`))
    this.#closed(code, reason)
  }

  #closed (code: number, reason: string): void {
    if (this.readyState === 3) return
    this.readyState = 3
    this.emit('close', code, Buffer.from(reason))
  }
}

/** As `ws` offers it. */
function settings (deflate: NonNullable<ClientOptions['perMessageDeflate']>): false | NodeDeflateOptions {
  if (deflate === false) return false
  const { threshold } = deflate === true ? {} as { threshold?: number } : deflate
  return { contextTakeover: true, ...threshold === undefined ? {} : { threshold } }
}

/** Connects; it may be refused. */
export function clientPeer (url: string, options: ClientOptions): WebSocket {
  return new ClientPeer(url, options) as unknown as WebSocket
}
