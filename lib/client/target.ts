import { fault } from '../contract/fault.ts'
import { withQuery } from '../contract/query.ts'
import { fillUrl } from '../contract/url.ts'
import type { Target } from './line.ts'
import type { Asked, Attempt } from './types.ts'

/** Where a socket goes: the parts may be functions, which are asked for each attempt. */
export interface Route {
  /** The address of the server, without a slash at its end. */
  readonly base: string
  /** Such as `/rooms/:room`. */
  readonly url: string
  readonly params?: Asked<object | undefined>
  readonly query?: Asked<object | undefined>
  readonly protocols?: Asked<string | readonly string[] | undefined>
  readonly headers?: Asked<Record<string, string> | undefined>
}

/** Rejects with FST_ERR_WS_CLIENT_ASKED or FST_ERR_WS_CLIENT_PARAM. */
export async function targetOf (route: Route, attempt: Attempt): Promise<Target> {
  const { base, url, params, query, protocols, headers } = route
  const ask = async (part: unknown): Promise<any> => typeof part === 'function' ? part(attempt) : part
  const [filledIn, asked, offered, sent] = await Promise.all([params, query, protocols, headers].map(ask))
    .catch(cause => { throw fault('FST_ERR_WS_CLIENT_ASKED', 'a function of yours failed', cause) })
  return {
    url: base + withQuery(fillUrl(url, filledIn ?? {}), asked ?? {}),
    protocols: offered === undefined ? [] : [].concat(offered),
    headers: sent ?? {}
  }
}

/**
 * The address of a server, as WebSockets need it; relative to the page, if there is one.
 *
 * @throws {FST_ERR_WS_CLIENT_BASE}
 */
export function baseOf (address: string | URL): string {
  try {
    const { href, protocol } = new URL(address, (globalThis as { location?: { href: string } }).location?.href)
    if (/^(ws|http)s?:$/.test(protocol)) return href.replace(/^http/, 'ws').replace(/[?#].*/, '').replace(/\/$/, '')
  } catch {}
  throw fault('FST_ERR_WS_CLIENT_BASE', `'${address}' is no address of a server, such as 'wss://example.com'`)
}
