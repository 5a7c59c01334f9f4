import { setMaxListeners } from 'node:events'
import { clientOver } from '../client/client.ts'
import type { CreateClient } from '../client/connect.ts'
import type { Asked, ClientOptions } from '../client/types.ts'
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
      // Every socket listens to it, which is no leak.
      if (signal) setMaxListeners(0, signal)
      return connect(route, options)
    }
  } as any
}
