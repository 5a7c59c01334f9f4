import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'

/** What the handshake of `app.injectWS` carries. */
export interface InjectWSOptions {
  /** Request headers, such as `authorization`, `cookie` or `origin`. */
  headers?: OutgoingHttpHeaders
  /** Subprotocols to offer. */
  protocols?: readonly string[]
}

/** What `app.injectWS` rejects with when the handshake was refused. Its code is `FST_ERR_WS_INJECT_REFUSED`. */
export interface InjectWSRefused extends Error {
  code: string
  /** The status of the HTTP response. */
  statusCode: number
  headers: IncomingHttpHeaders
  body: string
}
