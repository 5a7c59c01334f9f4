import { fault } from '../contract/fault.ts'
import { delayFor, leastDelay } from './backoff.ts'
import { codecOf, encoded, hasTextPings } from './codec.ts'
import { Emitter } from './emitter.ts'
import { verdictOf } from './finality.ts'
import { Inbox } from './inbox.ts'
import type { Dial, Line, LineOwner } from './line.ts'
import { Liveness } from './liveness.ts'
import { costOf, OfflineQueue } from './offline-queue.ts'
import { isHidden, watchPage } from './page.ts'
import { type Route, targetOf } from './target.ts'
import { after, type Timer } from './timer.ts'
import type {
  Attempt, ClientCodec, ClientEvents, ClientOptions, ClientSocket, ClientState, Ending, SendOutcome, StateChange
} from './types.ts'

/** The longest reason of a close frame, in bytes (RFC 6455 §5.5). */
const MAX_REASON = 123

/** How a connection ended without a close frame. */
function abnormal (error: Error | null, code = 1006, reason = ''): Ending {
  return { code, reason, wasClean: false, initiator: 'local', status: 0, body: '', retryAfter: 0, error }
}

/** A socket over as many lines as it takes. */
export class ReconnectingSocket implements ClientSocket {
  readonly opened: Promise<void>
  readonly closed: Promise<Ending>

  readonly #dial: Dial
  readonly #route: Route
  readonly #options: ClientOptions
  readonly #codec: ClientCodec
  readonly #emitter = new Emitter()
  readonly #inbox: Inbox
  readonly #queue: OfflineQueue | null
  readonly #liveness: Liveness | null
  readonly #end = new AbortController()
  readonly #unwatch: () => void
  readonly #onAbort = (): void => { void this.close() }

  #state: ClientState = 'connecting'
  #line: Line | null = null
  /** The attempt under way, or the one that led to the line. */
  #attempt = new AbortController()
  /** Of the state: for the attempt, the wait, or the closing handshake. */
  #timer: Timer
  #failures = 0
  #isRefreshed = false
  #openedAt = 0
  /** An attempt before this would disobey the server. */
  #notBefore = 0
  #isPaused = false
  #hasWarned = false
  #last: unknown
  #since: string | undefined
  #reason: Ending | null = null
  #onOpened!: () => void
  #onNotOpened!: (error: Error) => void
  #onClosed!: (ending: Ending) => void

  constructor (dial: Dial, route: Route, options: ClientOptions) {
    const { codec = 'json', queue, heartbeat, signal } = options
    this.#dial = dial
    this.#route = route
    this.#options = options
    this.#codec = typeof codec === 'object' ? codec : codecOf(codec === 'json', codec === 'json')
    this.#inbox = new Inbox({
      deliver: message => this.#emitter.emit('message', message),
      onConsumed: () => this.#readOn(),
      onLeft: () => { void this.close() }
    })
    this.#queue = queue ? new OfflineQueue(queue === true ? {} : queue, message => this.#emitter.emit('drop', message)) : null
    this.#liveness = heartbeat === false ? null : new Liveness({
      ask: () => this.#ask(),
      isListening: () => !isHidden() && !this.#isPaused,
      onSilence: () => this.#lost(fault('FST_ERR_WS_CLIENT_SILENT', 'the server is gone: it does not answer'))
    }, heartbeat ?? {})
    this.opened = new Promise((resolve, reject) => { this.#onOpened = resolve; this.#onNotOpened = reject })
    this.closed = new Promise(resolve => { this.#onClosed = resolve })
    this.opened.catch(() => {})
    this.#unwatch = watchPage(() => this.probe())
    if (signal?.aborted) this.#onAbort()
    else {
      signal?.addEventListener('abort', this.#onAbort)
      void this.#connect()
    }
  }

  get state (): ClientState {
    return this.#state
  }

  get protocol (): string {
    return this.#line?.protocol ?? ''
  }

  get bufferedAmount (): number {
    return this.#line?.bufferedAmount ?? 0
  }

  get signal (): AbortSignal {
    return this.#end.signal
  }

  send (message: unknown): SendOutcome {
    const data = encoded(this.#codec, message)
    if (this.#state === 'open') {
      this.#line!.send(data)
      return 'sent'
    }
    const isOver = this.#state === 'closing' || this.#state === 'closed'
    return !isOver && this.#queue?.put(message, data) ? 'queued' : 'dropped'
  }

  close (code = 1000, reason = ''): Promise<Ending> {
    if (!Number.isInteger(code) || (code !== 1000 && (code < 3000 || code > 4999))) throw fault('FST_ERR_WS_CLIENT_CLOSE', `${code} is not 1000 or from 3000 to 4999`)
    if (this.#state === 'closing' || this.#state === 'closed') return this.closed
    const text = shortened(reason)
    const ending = abnormal(null, code, text)
    const wasOpen = this.#state === 'open'
    this.#inbox.discard()
    if (!wasOpen) {
      this.#finish(ending)
      return this.closed
    }
    this.#liveness?.stop()
    clearTimeout(this.#timer)
    this.#timer = after(this.#options.closeTimeout ?? 5000, () => this.#finish(ending))
    this.#become('closing')
    this.#readOn()
    this.#line!.close(code, text)
    return this.closed
  }

  probe (): void {
    if (this.#state === 'open') this.#liveness?.probe()
    else if (this.#state === 'waiting' && Date.now() >= this.#notBefore) void this.#connect()
  }

  on<Event extends keyof ClientEvents> (event: Event, listener: (...args: ClientEvents[Event]) => unknown): this {
    if (event === 'message') this.#inbox.listen()
    this.#emitter.add(event, listener)
    return this
  }

  off<Event extends keyof ClientEvents> (event: Event, listener: (...args: ClientEvents[Event]) => unknown): this {
    this.#emitter.remove(event, listener)
    if (event === 'message' && this.#emitter.of(event).length === 0) this.#inbox.unlisten()
    return this
  }

  [Symbol.asyncIterator] (): AsyncIterator<any, undefined> {
    return this.#inbox.iterate()
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await this.close()
  }

  /** One attempt, from asking the functions to the line. */
  async #connect (): Promise<void> {
    const controller = this.#attempt = new AbortController()
    const { signal } = controller
    clearTimeout(this.#timer)
    const timeout = this.#options.connectTimeout ?? 20_000
    this.#timer = after(timeout, () => this.#lost(fault('FST_ERR_WS_CLIENT_TIMEOUT', `no connection within ${timeout} ms`)))
    this.#become('connecting')
    const attempt: Attempt = { attempt: this.#failures, last: this.#last, since: this.#since, reason: this.#reason, signal }
    try {
      // Not from within the call that has led here.
      await null
      if (signal.aborted) return
      const target = await targetOf(this.#route, attempt)
      if (!signal.aborted) this.#line = this.#dial(target, this.#ownerFor(signal))
    } catch (error) {
      if (signal.aborted) return
      this.#tell(error as Error)
      // A listener may have closed the socket.
      if (!signal.aborted) this.#ended(abnormal(error as Error))
    }
  }

  /** Hears a line as long as its attempt is not given up. */
  #ownerFor (signal: AbortSignal): LineOwner {
    return {
      onOpen: () => { if (!signal.aborted) this.#onOpen() },
      onMessage: data => { if (!signal.aborted) this.#onMessage(data) },
      onPong: () => this.#liveness?.answered(),
      onEnd: ending => { if (!signal.aborted) this.#ended(ending) }
    }
  }

  #onOpen (): void {
    clearTimeout(this.#timer)
    this.#openedAt = Date.now()
    const line = this.#line!
    // A listener for 'drop' may close the socket.
    this.#queue?.flush(data => { if (this.#line === line) line.send(data) })
    if (this.#line !== line) return
    this.#onOpened()
    this.#liveness?.start(line.ping !== undefined)
    this.#become('open')
  }

  #onMessage (data: string | Uint8Array): void {
    if (this.#state !== 'open') return
    if (data === '' && hasTextPings(this.#codec)) {
      this.#liveness?.answered()
      return
    }
    this.#liveness?.heard()
    const { position = 'at', parse, maxQueued = 16_777_216 } = this.#options
    let message: any
    try {
      message = this.#codec.decode(data)
      if (parse) message = parse(message)
      const at = typeof position === 'string' ? message?.[position] : position(message)
      if (typeof at === 'string') this.#since = at
    } catch (cause) {
      this.#tell(fault('FST_ERR_WS_CLIENT_INVALID', `a message was not valid: ${(cause as Error)?.message}`, cause))
      return
    }
    this.#last = message
    this.#inbox.put(message, costOf(data))
    if (this.#inbox.bytes <= maxQueued || this.#isPaused) return
    if (this.#line!.pause) {
      this.#isPaused = true
      this.#line!.pause()
    } else {
      this.#finish(abnormal(fault('FST_ERR_WS_CLIENT_SLOW', `more than ${maxQueued} bytes of messages (maxQueued) wait for a listener or a loop`)))
    }
  }

  #ask (): void {
    if (this.#line!.ping) this.#line!.ping()
    else if (hasTextPings(this.#codec)) this.#line!.send('')
  }

  /** The consumer has taken messages. */
  #readOn (): void {
    if (!this.#isPaused || this.#inbox.bytes > 0) return
    this.#isPaused = false
    this.#line!.resume!()
    // Nothing was heard meanwhile.
    if (this.#state === 'open') this.#liveness?.probe()
  }

  #lost (error: Error): void {
    this.#line?.drop()
    this.#ended(abnormal(error))
  }

  /** The line has ended, or there was none to be had. */
  #ended (ending: Ending): void {
    const { reconnect = {}} = this.#options
    const wasStable = this.#state === 'open' && Date.now() - this.#openedAt >= ((reconnect || {}).stable ?? 10_000)
    const isClosing = this.#state === 'closing'
    this.#leaveLine()
    if (wasStable) {
      this.#failures = 0
      this.#isRefreshed = false
    }
    const verdict = verdictOf(ending)
    const isRefresh = verdict === 'refresh' && !this.#isRefreshed
    if (isClosing || reconnect === false || verdict === 'final' || (verdict === 'refresh' && !isRefresh)) {
      this.#finish(ending)
      return
    }
    if (!wasStable) this.#failures++
    this.#isRefreshed ||= isRefresh
    this.#reason = ending
    this.#notBefore = Date.now() + leastDelay(ending.retryAfter)
    const delay = isRefresh ? leastDelay(ending.retryAfter) : delayFor(this.#failures, ending, reconnect)
    this.#timer = after(delay, () => { void this.#connect() })
    this.#become('waiting', delay)
  }

  #finish (ending: Ending): void {
    this.#line?.drop()
    this.#leaveLine()
    this.#unwatch()
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#reason = ending
    this.#inbox.end()
    this.#become('closed')
    this.#queue?.discard()
    this.#onNotOpened(fault('FST_ERR_WS_CLIENT_CLOSED', `closed before it was open: ${ending.code} ${ending.reason}`, ending.error ?? ending))
    this.#onClosed(ending)
    this.#end.abort(ending)
  }

  #leaveLine (): void {
    clearTimeout(this.#timer)
    this.#liveness?.stop()
    this.#attempt.abort()
    this.#line = null
    this.#isPaused = false
  }

  #become (state: ClientState, delay = 0): void {
    this.#state = state
    const change: StateChange = { attempt: this.#failures, delay, reason: this.#reason }
    this.#emitter.emit('state', state, change)
  }

  #tell (error: Error): void {
    if (this.#emitter.of('error').length > 0) this.#emitter.emit('error', error)
    else if (!this.#hasWarned) {
      this.#hasWarned = true
      console.warn(error)
    }
  }
}

/** A reason that fits into a close frame, cut between characters. */
function shortened (reason: string): string {
  return new TextDecoder().decode(new TextEncoder().encode(reason).subarray(0, MAX_REASON), { stream: true })
}
