import type { CloseInfo } from '../contract/socket.ts'

/** How a socket ends, as a promise and as a signal. Each is made when it is first asked for. */
export class Outcome {
  #info: CloseInfo | null
  #closed: Promise<CloseInfo> | null = null
  #resolve: ((info: CloseInfo) => void) | null = null
  #controller: AbortController | null = null

  /** @param info null: the socket has not ended yet */
  constructor (info: CloseInfo | null) {
    this.#info = info
  }

  get closed (): Promise<CloseInfo> {
    return this.#closed ??= this.#info === null
      ? new Promise(resolve => { this.#resolve = resolve })
      : Promise.resolve(this.#info)
  }

  /** Aborted when the socket ends, with its `CloseInfo` as the reason. */
  get signal (): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      if (this.#info !== null) this.#controller.abort(this.#info)
    }
    return this.#controller.signal
  }

  /** The socket has ended. */
  tell (info: CloseInfo): void {
    this.#info = info
    this.#resolve?.(info)
    this.#controller?.abort(info)
  }
}

/** Whether an error only says that the signal was aborted: it is the reason itself, or Node's AbortError. */
export function isAbortBy (info: CloseInfo | null, error: unknown): boolean {
  if (info === null) return false
  try {
    return error === info || ((error as Error).cause === info && (error as Error).name === 'AbortError')
  } catch {
    return false
  }
}
