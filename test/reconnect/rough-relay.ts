import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** What becomes of a connection from its beginning. Bytes are those from the server: the handshake's answer takes about 130. */
export type Fate =
  | { readonly kind: 'passes' }
  /** Reset as soon as it is there. */
  | { readonly kind: 'refused' }
  /** Answered by something in front of the server. */
  | { readonly kind: 'answered', readonly status: number }
  | { readonly kind: 'cut', readonly after: number, readonly how: 'reset' | 'end' }
  | { readonly kind: 'silent', readonly after: number }
  /** Everything takes so many milliseconds longer. */
  | { readonly kind: 'slow', readonly delay: number }
  /** The server's bytes arrive one by one. */
  | { readonly kind: 'dripping' }

/** What can be done to a connection that is there. */
export type Blow = 'reset' | 'end' | 'silence' | 'delay' | 'stall'

/** Milliseconds that everything takes longer, and that nothing passes: long enough for a client to have given up meanwhile. */
const DELAY = 40
const STALL = 500

/** A TCP relay on 127.0.0.1 that treats its connections badly. */
export class RoughRelay {
  /** Asked for each new connection. */
  fate: () => Fate = () => ({ kind: 'passes' })
  /** Where new connections lead. */
  target: number
  /** All connections that there ever were. */
  accepted = 0
  readonly #server: Server
  readonly #passages = new Set<Passage>()

  private constructor (target: number) {
    this.target = target
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, client => {
      this.accepted++
      const passage = new Passage(client, this.target, this.fate(), () => { this.#passages.delete(passage) })
      this.#passages.add(passage)
    })
  }

  static async to (target: number): Promise<RoughRelay> {
    const relay = new RoughRelay(target)
    relay.#server.listen(0, '127.0.0.1')
    await once(relay.#server, 'listening')
    return relay
  }

  get port (): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Those that are there, in the order in which they came. */
  get passages (): Passage[] {
    return [...this.#passages]
  }

  async close (): Promise<void> {
    for (const passage of this.#passages) passage.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/** One connection, in both directions. */
export class Passage {
  readonly #client: Socket
  readonly #server: Socket | null
  readonly #onGone: () => void
  #fate: Fate
  /** Bytes that have come from the server. */
  #passed = 0
  #isSilent = false
  #delay = 0
  /** Nothing passes before, by `performance.now()`. */
  #stalledUntil = 0
  /** What is to pass, in order, and when. */
  readonly #waiting: Array<{ due: number, pass: () => void }> = []

  constructor (client: Socket, target: number, fate: Fate, onGone: () => void) {
    this.#client = client
    this.#fate = fate
    this.#onGone = onGone
    client.on('error', () => {})
    if (fate.kind === 'refused' || fate.kind === 'answered') {
      this.#server = null
      client.on('close', onGone)
      if (fate.kind === 'refused') client.resetAndDestroy()
      else this.#answer(fate.status)
      return
    }
    if (fate.kind === 'slow') this.#delay = fate.delay
    const server = this.#server = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    server.on('error', () => {})
    this.#join(client, server, chunk => chunk)
    this.#join(server, client, chunk => this.#fromServer(chunk))
  }

  get isSilent (): boolean {
    return this.#isSilent
  }

  get willBeSilent (): boolean {
    return this.#fate.kind === 'silent'
  }

  hit (blow: Blow): void {
    if (blow === 'silence') this.#isSilent = true
    else if (blow === 'delay') this.#delay = DELAY
    else if (blow === 'stall') this.#stalledUntil = performance.now() + STALL
    else if (blow === 'reset') this.destroy()
    else this.#client.end()
  }

  /** Both ends are reset. */
  destroy (): void {
    for (const socket of [this.#client, this.#server]) if (socket !== null) reset(socket)
  }

  #answer (status: number): void {
    const text = `sorry, ${status}`
    this.#client.once('data', () => {
      this.#client.end(`HTTP/1.1 ${status} Sorry\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`)
    })
    this.#client.on('end', () => { this.#client.end() })
  }

  #join (from: Socket, to: Socket, change: (chunk: Buffer) => Buffer | null): void {
    from.on('data', chunk => {
      this.#later(() => {
        const bytes = change(chunk)
        if (bytes !== null && !to.writable) return
        if (bytes !== null && !to.write(bytes)) {
          from.pause()
          to.once('drain', () => from.resume())
        }
      })
    })
    from.on('end', () => { this.#later(() => to.end()) })
    from.on('close', () => {
      // A connection that is silent tells nobody that one of its ends has gone.
      if (!from.readableEnded) this.#later(() => reset(to))
      if (this.#client.destroyed && this.#server!.destroyed) this.#onGone()
    })
  }

  /** Not at all, if nothing passes any more; and never before what came earlier. */
  #later (pass: () => void): void {
    const due = Math.max(performance.now() + this.#delay, this.#stalledUntil)
    if (this.#waiting.push({ due, pass }) === 1) this.#pass()
  }

  #pass (): void {
    while (this.#waiting.length > 0 && !this.#isSilent) {
      const left = this.#waiting[0]!.due - performance.now()
      if (left > 0) {
        setTimeout(() => this.#pass(), left)
        return
      }
      this.#waiting[0]!.pass()
      this.#waiting.shift()
    }
    this.#waiting.length = 0
  }

  /** What the client gets of it. */
  #fromServer (chunk: Buffer): Buffer | null {
    const fate = this.#fate
    const room = 'after' in fate ? Math.max(0, fate.after - this.#passed) : Infinity
    this.#passed += chunk.length
    if (fate.kind === 'dripping') {
      for (let i = 0; i < chunk.length && this.#client.writable; i++) this.#client.write(chunk.subarray(i, i + 1))
      if (this.#passed > MOST_DRIPS) this.#fate = { kind: 'passes' }
      return null
    }
    if (chunk.length < room) return chunk
    if (fate.kind === 'silent') {
      this.#isSilent = true
      this.#client.write(chunk.subarray(0, room))
    } else if (fate.kind === 'cut') {
      // What was written is on its way before the connection is reset.
      this.#client.write(chunk.subarray(0, room), () => {
        if (fate.how === 'reset') this.destroy()
        else this.#client.end()
      })
    }
    return null
  }
}

/** Byte by byte costs much: a connection does it for so many. */
const MOST_DRIPS = 2000

/** A socket that is reset while its end is on the way stays for ever in Node, and the process with it. */
function reset (socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy()
  else socket.resetAndDestroy()
}
