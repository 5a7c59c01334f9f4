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
export async function targetOf ({ base, url, ...parts }: Route, attempt: Attempt): Promise<Target> {
  const [params, query, protocols, headers] = await Promise.all(
    [parts.params, parts.query, parts.protocols, parts.headers].map(async (part: any) => typeof part === 'function' ? part(attempt) : part)
  ).catch(cause => { throw fault('FST_ERR_WS_CLIENT_ASKED', 'function failed', cause) })
  return {
    // What comes before the slash is the server, which no value must change.
    url: base + withQuery(fillUrl(url, params ?? {}).replace(/^\/?/, '/'), query ?? {}),
    protocols: [protocols ?? []].flat(),
    headers: headers ?? {}
  }
}

/**
 * The address of a server, as WebSockets need it; relative to the page, if there is one.
 *
 * @throws {FST_ERR_WS_CLIENT_BASE}
 */
export function baseOf (address: string | URL): string {
  try {
    const { href } = new URL(address, (globalThis as { location?: { href: string } }).location?.href)
    if (/^(ws|http)s?:/.test(href)) return href.replace(/^http/, 'ws').replace(/\/?([?#].*)?$/, '')
  } catch {}
  throw fault('FST_ERR_WS_CLIENT_BASE', `bad address ${address}`)
}
