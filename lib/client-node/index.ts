import { setMaxListeners } from 'node:events'
import { clientOver } from '../client/client.ts'
import type { CreateClient } from '../client/connect.ts'
import type { Asked, ClientOptions, ClientSocket } from '../client/types.ts'
import { createDial } from './dial.ts'
import type { NodeLineOptions } from './options.ts'

export type * from '../client/index.ts'
export type { NodeDeflateOptions, NodeLineOptions, NodeTlsOptions } from './options.ts'

/** What Node.js sends with a handshake, and browsers cannot. */
export interface NodeSocketOptions {
  /** Headers of the request, such as `authorization`, `cookie` or `origin`. */
  headers?: Asked<Record<string, string>, unknown>
}

/** Over this package's own codec, so with headers, pings, the status of a refusal, and HTTP/2. */
export const createClient: CreateClient<NodeSocketOptions, NodeLineOptions> = (base, defaults) => {
  const { connect } = clientOver(createDial(defaults), base, defaults)
  return {
    connect (route: string, options?: ClientOptions) {
      const signal = options?.signal ?? defaults?.signal
      if (signal === undefined || signal.aborted) return connect(route, options)
      const socket = connect(route, { ...options, signal: undefined })
      closeBy(signal, socket)
      return socket
    }
  } as any
}

/** Does by itself what the option `signal` does: in Node.js before 24, what is removed by another signal may stay for ever. */
function closeBy (signal: AbortSignal, socket: ClientSocket): void {
  const close = (): void => { void socket.close() }
  // Every socket listens to it, which is no leak. One that is not Node's, such as jsdom's, does not count.
  if (signal instanceof EventTarget) setMaxListeners(0, signal)
  signal.addEventListener('abort', close)
  socket.signal.addEventListener('abort', () => signal.removeEventListener('abort', close))
}
