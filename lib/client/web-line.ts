import { fault } from '../contract/fault.ts'
import { readRetryAfter } from './backoff.ts'
import { endingOf, MAX_BODY, PATIENCE } from './ending.ts'
import type { Data, Dial } from './line.ts'
import type { Ending } from './types.ts'

/** What is used of a browser's WebSocket. */
interface WebSocketLike {
  binaryType: string
  readonly protocol: string
  readonly bufferedAmount: number
  readonly readyState: number
  onopen: (() => void) | null
  onmessage: ((event: { data: string | ArrayBuffer }) => void) | null
  onclose: ((event: { code: number, reason: string, wasClean: boolean }) => unknown) | null
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
export const dialWebSocket: Dial = ({ url, protocols }, { onOpen, onMessage, onEnd }, signal) => {
  let socket: WebSocketLike
  /** What it was closed with at this end. */
  let close: { code: number, reason: string } | undefined

  function tell (what: Partial<Ending>): void {
    if (!signal.aborted) onEnd(endingOf({ initiator: 'remote', ...what }))
  }

  /** A browser does not tell why a handshake was refused. A request for the same URL gets the same answer. */
  async function explain (): Promise<void> {
    let status = 0
    let retryAfter = 0
    let body = ''
    let error = null
    try {
      const answer = await (globalThis as unknown as Platform).fetch(url.replace('ws', 'http'), {
        cache: 'no-store', credentials: 'include', redirect: 'manual', signal
      })
      if (answer.status >= 400) {
        status = answer.status
        retryAfter = readRetryAfter(answer.headers.get('retry-after'))
        await answer.body!.pipeThrough(new TextDecoderStream()).pipeTo(new WritableStream({
          write (part) {
            body = (body + part).slice(0, MAX_BODY)
            // Nothing is read for a writer that has failed.
            if (body.length === MAX_BODY) throw 0
          }
        }), { signal: AbortSignal.timeout(PATIENCE) })
      }
    } catch (cause) {
      // There is no server, or it does not let other sites read its answers. If a status is known, it has to do.
      if (!status) error = fault('FST_ERR_WS_CLIENT_CONNECT', `no connection to ${url}`, cause)
    }
    tell({ status, retryAfter, body, error })
  }

  try {
    socket = new (globalThis as unknown as Platform).WebSocket(url, protocols)
    // Where the page's own policy forbids it, Chromium says no more than this.
    if (socket.readyState === 3) throw 0
  } catch (cause) {
    // The page may not connect to such an address, or a subprotocol is none.
    throw fault('FST_ERR_WS_CLIENT_TARGET', `no connection to ${url}`, cause)
  }
  socket.binaryType = 'arraybuffer'
  socket.onclose = explain
  socket.onopen = () => {
    // The answer to a close frame repeats the code, and not the reason. For Deno a connection that is cut ends with 0.
    socket.onclose = ({ code, reason, wasClean }) => tell({
      code: code || 1006, reason, wasClean, ...close && { initiator: 'local', ...close.code === code && close }
    })
    if (!signal.aborted) onOpen()
  }
  socket.onmessage = ({ data }) => { if (!signal.aborted) onMessage(typeof data === 'string' ? data : new Uint8Array(data)) }

  return {
    get protocol () { return socket.protocol },
    get bufferedAmount () { return socket.bufferedAmount },
    send (data) {
      return socket.readyState === 1 && (socket.send(data), true)
    },
    close (code, reason) {
      if (socket.readyState === 1) close = { code, reason }
      socket.close(code, reason)
    },
    drop () { socket.close() }
  }
}
