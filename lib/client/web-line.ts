import { fault } from '../contract/fault.ts'
import { readRetryAfter } from './backoff.ts'
import type { Dial, Line, LineOwner, Target } from './line.ts'
import type { Ending } from './types.ts'

/** How much of the body of a refusal is read, in characters. */
const MAX_BODY = 65_536

/** What is used of a browser's WebSocket. */
interface WebSocketLike {
  binaryType: string
  readonly protocol: string
  readonly bufferedAmount: number
  onopen: (() => void) | null
  onmessage: ((event: { data: string | ArrayBuffer }) => void) | null
  onclose: ((event: { code: number, reason: string, wasClean: boolean }) => void) | null
  onerror: (() => void) | null
  send (data: string | Uint8Array): void
  close (code?: number, reason?: string): void
}

/** What is used of fetch. */
interface Answer {
  readonly status: number
  readonly headers: { get (name: string): string | null }
  readonly body: ReadableStream<Uint8Array> | null
}

const platform = globalThis as unknown as {
  WebSocket: new (url: string, protocols: readonly string[]) => WebSocketLike
  fetch (url: string, options: object): Promise<Answer>
}

/** A line over the WebSocket of the platform. */
export const dialWebSocket: Dial = (target, owner) => new WebLine(target, owner)

class WebLine implements Line {
  readonly #target: Target
  readonly #owner: LineOwner
  #socket: WebSocketLike | undefined
  /** Aborted when the line is given up. */
  readonly #given = new AbortController()
  #isOpen = false
  /** What our own close frame says. */
  #close: { code: number, reason: string } | undefined

  constructor (target: Target, owner: LineOwner) {
    this.#target = target
    this.#owner = owner
    try {
      this.#open(this.#socket = new platform.WebSocket(target.url, target.protocols))
    } catch (cause) {
      // The page may not connect to such an address, or a subprotocol is none.
      queueMicrotask(() => this.#ended(1006, { error: fault('FST_ERR_WS_CLIENT_TARGET', `cannot connect to '${target.url}': ${(cause as Error).message}`, cause) }))
    }
  }

  get protocol (): string {
    return this.#socket?.protocol ?? ''
  }

  get bufferedAmount (): number {
    return this.#socket?.bufferedAmount ?? 0
  }

  send (data: string | Uint8Array): void {
    this.#socket!.send(data)
  }

  close (code: number, reason: string): void {
    this.#close = { code, reason }
    this.#socket!.close(code, reason)
  }

  drop (): void {
    this.#given.abort()
    this.#socket?.close()
  }

  #open (socket: WebSocketLike): void {
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => {
      this.#isOpen = true
      if (!this.#isGiven) this.#owner.onOpen()
    }
    socket.onmessage = ({ data }) => { if (!this.#isGiven) this.#owner.onMessage(typeof data === 'string' ? data : new Uint8Array(data)) }
    // Says nothing that onclose does not, but some insist on it.
    socket.onerror = () => {}
    socket.onclose = ({ code, reason, wasClean }) => {
      // The answer to a close frame repeats the code, and not the reason. For Deno a connection that is cut ends with 0.
      if (this.#isOpen) this.#ended(code || 1006, { reason: code === this.#close?.code ? this.#close.reason : reason, wasClean })
      else void this.#explain()
    }
  }

  get #isGiven (): boolean {
    return this.#given.signal.aborted
  }

  /** A browser does not tell why a handshake was refused. A request for the same URL gets the same answer. */
  async #explain (): Promise<void> {
    const refusal: { status?: number, body?: string, retryAfter?: number, error?: Error } = {}
    try {
      const { status, headers, body } = await platform.fetch(this.#target.url.replace(/^ws/, 'http'), {
        cache: 'no-store', credentials: 'include', redirect: 'manual', signal: this.#given.signal
      })
      if (status >= 400) {
        refusal.status = status
        refusal.retryAfter = readRetryAfter(headers.get('retry-after'))
        refusal.body = await beginningOf(body!)
      } else void body?.cancel()
    } catch (cause) {
      // There is no server, or it does not let other sites read its answers. If a status is known, it has to do.
      if (!refusal.status) refusal.error = fault('FST_ERR_WS_CLIENT_CONNECT', `no connection to '${this.#target.url}'`, cause)
    }
    this.#ended(1006, refusal)
  }

  #ended (code: number, what: Partial<Ending>): void {
    if (this.#isGiven) return
    this.#owner.onEnd({ code, reason: '', wasClean: false, initiator: this.#close ? 'local' : 'remote', status: 0, body: '', retryAfter: 0, error: null, ...what })
  }
}

async function beginningOf (body: ReadableStream<Uint8Array>): Promise<string> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  while (text.length < MAX_BODY) {
    const { done, value } = await reader.read()
    if (done) break
    text += decoder.decode(value, { stream: true })
  }
  void reader.cancel()
  return text.slice(0, MAX_BODY)
}
