import { fault } from '../contract/fault.ts'
import { readRetryAfter } from './backoff.ts'
import { endingOf } from './ending.ts'
import type { Data, Dial } from './line.ts'
import type { Ending } from './types.ts'

/** How much of the body of a refusal is read, in characters. */
const MAX_BODY = 65_536

/** What is used of a browser's WebSocket. */
interface WebSocketLike {
  binaryType: string
  readonly protocol: string
  readonly bufferedAmount: number
  readonly readyState: number
  onopen: (() => void) | null
  onmessage: ((event: { data: string | ArrayBuffer }) => void) | null
  onclose: ((event: { code: number, reason: string, wasClean: boolean }) => void) | null
  onerror: (() => void) | null
  send (data: Data): void
  close (code?: number, reason?: string): void
}

/** What is used of fetch. */
interface Answer {
  readonly status: number
  readonly headers: { get (name: string): string | null }
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>> | null
}

interface Platform {
  WebSocket: new (url: string, protocols: readonly string[]) => WebSocketLike
  fetch (url: string, options: object): Promise<Answer>
}

/** A line over the WebSocket of the platform. */
export const dialWebSocket: Dial = ({ url, protocols }, { onOpen, onMessage, onEnd }) => {
  /** Aborted when the line is given up. */
  const given = new AbortController()
  let socket: WebSocketLike | undefined
  let isOpen = false
  /** What it was closed with at this end. */
  let close: { code: number, reason: string } | undefined

  function tell (what: Partial<Ending>): void {
    if (!given.signal.aborted) onEnd(endingOf({ initiator: 'remote', ...what }))
  }

  /** A browser does not tell why a handshake was refused. A request for the same URL gets the same answer. */
  async function explain (): Promise<void> {
    const what: { status?: number, retryAfter?: number, body?: string, error?: Error } = {}
    try {
      const answer = await (globalThis as unknown as Platform).fetch(url.replace(/^ws/, 'http'), {
        cache: 'no-store', credentials: 'include', redirect: 'manual', signal: given.signal
      })
      if (answer.status >= 400) {
        what.status = answer.status
        what.retryAfter = readRetryAfter(answer.headers.get('retry-after'))
        const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader()
        for (let part, text = ''; text.length < MAX_BODY && !(part = await reader.read()).done;) what.body = (text += part.value).slice(0, MAX_BODY)
        void reader.cancel()
      } else void answer.body?.cancel()
    } catch (cause) {
      // There is no server, or it does not let other sites read its answers. If a status is known, it has to do.
      if (!what.status) what.error = fault('FST_ERR_WS_CLIENT_CONNECT', `no connection to '${url}'`, cause)
    }
    tell(what)
  }

  try {
    socket = new (globalThis as unknown as Platform).WebSocket(url, protocols)
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => {
      isOpen = true
      if (!given.signal.aborted) onOpen()
    }
    socket.onmessage = ({ data }) => { if (!given.signal.aborted) onMessage(typeof data === 'string' ? data : new Uint8Array(data)) }
    // Says nothing that onclose does not, but some insist on it.
    socket.onerror = () => {}
    socket.onclose = ({ code, reason, wasClean }) => {
      if (!isOpen) void explain()
      // The answer to a close frame repeats the code, and not the reason. For Deno a connection that is cut ends with 0.
      else tell({ code: code || 1006, reason, wasClean, ...close && { initiator: 'local', ...close.code === code && close } })
    }
  } catch (cause) {
    // The page may not connect to such an address, or a subprotocol is none.
    queueMicrotask(() => tell({ error: fault('FST_ERR_WS_CLIENT_TARGET', `no connection to '${url}'`, cause) }))
  }

  return {
    get protocol () { return socket?.protocol as string },
    get bufferedAmount () { return socket?.bufferedAmount as number },
    send (data) {
      const isTaken = socket!.readyState === 1
      if (isTaken) socket!.send(data)
      return isTaken
    },
    close (code, reason) {
      close = { code, reason }
      socket!.close(code, reason)
    },
    drop () {
      given.abort()
      socket?.close()
    }
  }
}
