import { codecOf } from './codec.ts'
import type { Dial } from './line.ts'
import { ReconnectingSocket } from './socket.ts'
import { baseOf, type Route } from './target.ts'
import type { ClientOptions } from './types.ts'

/** A contract, as far as it matters at run time. */
interface Contract {
  readonly url: string
  readonly schema: { readonly message?: unknown, readonly send?: unknown }
}

type Options = ClientOptions & Partial<Route>

/** `createClient` for a platform: it dials in its own way. */
export function clientOver (dial: Dial, address: string | URL, defaults?: ClientOptions): { connect (route: string | Contract, options?: Options): ReconnectingSocket } {
  const base = baseOf(address)
  return {
    connect (route, own) {
      const options = { ...defaults, ...own }
      const url = typeof route === 'string' ? route : route.url
      if (typeof route !== 'string') options.codec ??= codecOf('message' in route.schema, 'send' in route.schema)
      return new ReconnectingSocket(dial, { ...options, base, url }, options)
    }
  }
}
