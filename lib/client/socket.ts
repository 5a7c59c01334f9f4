import { fault } from '../contract/fault.ts'
import { jitter } from './backoff.ts'
import { codecOf, encoded } from './codec.ts'
import { createEmitter } from './emitter.ts'
import { endingOf, MAX_REASON } from './ending.ts'
import { verdictOf } from './finality.ts'
import { createInbox } from './inbox.ts'
import { checkLimits } from './limits.ts'
import type { Dial, Line, LineOwner } from './line.ts'
import { createLiveness } from './liveness.ts'
import { costOf, createQueue } from './offline-queue.ts'
import { isHidden, watchPage } from './page.ts'
import { type Route, targetOf } from './target.ts'
import { after, AT_ONCE, type Timer } from './timer.ts'
import type { ClientCodec, ClientHeartbeatOptions, ClientOptions, ClientSocket, ClientState, Ending, QueueOptions, ReconnectOptions } from './types.ts'

/** A socket over as many lines as it takes. (Closures, because they are smaller than classes, and a page has to load this.) */
export function createSocket (dial: Dial, options: ClientOptions & Route): ClientSocket {
  const {
    codec: choice = 'json', parse, position = 'at', queue: queueing, reconnect = {}, heartbeat = {}, connectTimeout = 20_000,
    closeTimeout = 5000, maxQueued = 16_777_216, signal
  } = options
  checkLimits({ connectTimeout, closeTimeout, maxQueued, ...reconnect, ...heartbeat, ...queueing as QueueOptions })
  const codec = (choice as ClientCodec).encode ? choice as ClientCodec : codecOf(choice === 'json', choice === 'json')
  const { listeners, emit } = createEmitter()
  const end = new AbortController()
  let state: ClientState = 'connecting'
  let line: Line | null = null
  /** The attempt under way, or the one that has led to the line. */
  let attempt = new AbortController()
  /** Of the state: for the attempt, the wait, or the closing handshake. */
  let timer: Timer
  let failures = 0
  let isRefreshed = false
  let openedAt = 0
  /** When somebody last wanted to know whether the connection is alive: a page that was away, for example. */
  let probedAt = 0
  /** An attempt before this would disobey the server. */
  let notBefore = 0
  /** More waits for the consumer than may: nothing is read, over this line and the next ones. */
  let isPaused = false
  let hasWarned = false
  let last: unknown
  let since: string | undefined
  let reason: Ending | null = null
  let onOpened!: () => void
  let onNotOpened!: (error: Error) => void
  let onClosed!: (ending: Ending) => void
  const opened = new Promise<void>((resolve, reject) => { onOpened = resolve; onNotOpened = reject })
  const closed = new Promise<Ending>(resolve => { onClosed = resolve })
  opened.catch(() => {})

  const inbox = createInbox({ deliver: message => emit('message', message), onConsumed: readOn, onLeft: close })
  const queue = createQueue((queueing || { bytes: 0 }) as QueueOptions, message => emit('drop', message))
  const liveness = createLiveness({
    ask () {
      if (line!.ping) line!.ping()
      else line!.send('')
    },
    isListening: () => !isHidden() && !isPaused,
    onSilence: () => lost(fault('FST_ERR_WS_CLIENT_SILENT', 'no answer'))
  }, heartbeat as ClientHeartbeatOptions)
  watchPage(probe, end.signal)

  const owner: LineOwner = {
    onOpen () {
      clearTimeout(timer)
      openedAt = Date.now()
      const own = line!
      // A listener for 'drop' may close the socket.
      for (const { data } of queue.take()) if (line === own) own.send(data)
      if (line !== own) return
      onOpened()
      if (isPaused) own.pause!()
      if (heartbeat && (own.ping || codec.pings)) liveness.start(own.ping !== undefined)
      become('open')
    },
    onMessage (data) {
      if (state !== 'open') return
      const isPong = data === '' && codec.pings
      if (isPong) liveness.answered()
      else {
        liveness.heard()
        receive(data)
      }
    },
    onPong: liveness.answered,
    onEnd: ended
  }

  function receive (data: string | Uint8Array): void {
    try {
      let message: any = codec.decode(data)
      if (parse) message = parse(message)
      const at = typeof position === 'string' ? message?.[position] : position(message)
      if (typeof at === 'string') since = at
      last = message
    } catch (cause) {
      tell(fault('FST_ERR_WS_CLIENT_INVALID', `bad message: ${(cause as Error)?.message}`, cause))
      return
    }
    inbox.put(last, costOf(data))
    if (inbox.bytes() <= maxQueued || isPaused) return
    if (line!.pause) {
      isPaused = true
      line!.pause()
    } else {
      finish(endingOf({ error: fault('FST_ERR_WS_CLIENT_SLOW', 'over maxQueued') }))
    }
  }

  /** The consumer has taken messages. */
  function readOn (): void {
    if (!isPaused || inbox.bytes() > 0) return
    isPaused = false
    line?.resume!()
    // Nothing was heard meanwhile.
    liveness.probe()
  }

  /** One attempt, from asking the functions to the line. */
  async function connect (): Promise<void> {
    clearTimeout(timer)
    const { signal } = attempt = new AbortController()
    timer = after(connectTimeout, () => lost(fault('FST_ERR_WS_CLIENT_TIMEOUT', 'no answer')))
    become('connecting')
    try {
      // Not from within the call that has led here.
      await Promise.resolve()
      signal.throwIfAborted()
      const target = await targetOf(options, { attempt: failures, last, since, reason, signal })
      if (!signal.aborted) line = dial(target, owner, signal)
    } catch (error) {
      if (!signal.aborted) tell(error as Error)
      // A listener may have closed the socket.
      if (!signal.aborted) lost(error as Error)
    }
  }

  function lost (error: Error): void {
    ended(endingOf({ error }))
  }

  /** The line has ended, or there was none to be had. */
  function ended (ending: Ending): void {
    const wasStable = state === 'open' && Date.now() - openedAt >= ((reconnect as ReconnectOptions).stable ?? 10_000)
    isRefreshed &&= !wasStable
    const verdict = verdictOf(ending)
    const isRefresh = verdict === 'refresh'
    if (state === 'closing' || !reconnect || verdict === 'final' || (isRefresh && isRefreshed)) {
      finish(ending)
      return
    }
    leaveLine()
    isRefreshed ||= isRefresh
    failures = wasStable ? 0 : failures + 1
    reason = ending
    notBefore = Date.now() + ending.retryAfter
    // The end that a probe has found, or that was about to come, also of an attempt in a page that slept: this is no time to wait, nor
    // is it after a refusal (426: a handshake would be let in), unless the server has too much to do (429, 5xx).
    const isFound = Date.now() - probedAt <= AT_ONCE && ending.code === 1006 && ending.status < 429
    const delay = ending.retryAfter + (isRefresh || isFound ? 0 : jitter(failures, ending.code, reconnect))
    probedAt = 0
    timer = after(delay, connect)
    become('waiting', delay)
  }

  function finish (ending: Ending): void {
    leaveLine()
    reason = ending
    inbox.end()
    become('closed')
    for (const { message } of queue.take()) emit('drop', message)
    onNotOpened(fault('FST_ERR_WS_CLIENT_CLOSED', 'never opened', ending.error ?? ending))
    onClosed(ending)
    end.abort(ending)
  }

  function leaveLine (): void {
    clearTimeout(timer)
    liveness.stop()
    line?.drop()
    line = null
  }

  function become (next: ClientState, delay = 0): void {
    const given = attempt
    state = next
    emit('state', next, { attempt: failures, delay, reason })
    // Listeners of the attempt may close the socket or send, as those above: all is in its new state.
    if (next === 'waiting' || next === 'closed') given.abort()
  }

  function tell (error: Error): void {
    if (listeners.error[0]) emit('error', error)
    else if (!hasWarned) {
      hasWarned = true
      console.warn(error)
    }
  }

  function isOver (): boolean {
    return state === 'closing' || state === 'closed'
  }

  function probe (): void {
    probedAt = Date.now()
    if (state === 'open') liveness.probe()
    else if (state === 'waiting' && Date.now() >= notBefore) void connect()
  }

  function close (code = 1000, text = ''): Promise<Ending> {
    if (code !== 1000 && !(code >= 3000 && code < 5000 && Number.isInteger(code))) throw fault('FST_ERR_WS_CLIENT_CLOSE', `bad code ${code}`)
    if (isOver()) return closed
    // As a stream, it ends between characters.
    const short = new TextDecoder().decode(new TextEncoder().encode(text).slice(0, MAX_REASON), { stream: true })
    const ending = endingOf({ code, reason: short })
    inbox.discard()
    if (state === 'open') {
      liveness.stop()
      timer = after(closeTimeout, () => finish(ending))
      readOn()
      line!.close(code, short)
      become('closing')
    } else finish(ending)
    return closed
  }

  signal?.addEventListener('abort', () => close(), { signal: end.signal })
  void (signal?.aborted ? close() : connect())

  return {
    get state () { return state },
    get protocol () { return line?.protocol ?? '' },
    get bufferedAmount () { return line?.bufferedAmount ?? 0 },
    signal: end.signal,
    opened,
    closed,
    send (message) {
      const data = encoded(codec, message)
      if (state === 'open' && line!.send(data)) return 'sent'
      return !isOver() && queue.put(message, data) ? 'queued' : 'dropped'
    },
    close,
    probe,
    on (event, listener) {
      if (event === 'message') inbox.listen()
      listeners[event] = listeners[event].concat(listener)
      return this
    },
    off (event, listener) {
      listeners[event] = listeners[event].filter(one => one !== listener)
      if (event === 'message' && !listeners.message[0]) inbox.unlisten()
      return this
    },
    [Symbol.asyncIterator]: inbox.iterate,
    [Symbol.asyncDispose]: close as () => Promise<any>
  }
}
