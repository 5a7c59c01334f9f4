import type { SocketContract } from '../contract/define-socket.ts'
import { codecOf } from './codec.ts'
import type { Dial } from './line.ts'
import { createSocket } from './socket.ts'
import { baseOf, type Route } from './target.ts'
import type { ClientOptions, ClientSocket } from './types.ts'

/** What matters of a contract at run time. */
type Contract = Pick<SocketContract<string, object>, 'url' | 'schema'>

type Options = ClientOptions & Partial<Route>

/** `createClient` for a platform: it dials in its own way. */
export function clientOver (dial: Dial, address: string | URL, defaults?: ClientOptions): { connect (route: string | Contract, options?: Options): ClientSocket } {
  const base = baseOf(address)
  return {
    connect (route, own) {
      const options = { ...defaults, ...own }
      const { url = route as string, schema } = route as Partial<Contract>
      if (schema) options.codec ??= codecOf('message' in schema, 'send' in schema)
      return createSocket(dial, { ...options, base, url })
    }
  }
}
