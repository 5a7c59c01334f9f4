import { masked } from '../support/frames.ts'
import { TEXT } from '../support/opcodes.ts'

/** How a server is spoken to: most of them with bare WebSocket messages. */
export interface Dialect {
  /** @param n the number of the connection, for a server that has to know it */
  url: (path: '/' | '/echo', n?: number) => string
  /** What a client sends first. */
  hello: Buffer | null
  /** Whether the connection is open, by all that has been received: first of all, the response to the handshake. */
  isOpen: (received: string) => boolean
  /** The text of a message that tells the server to do something. */
  command: (text: string) => string
  /** The text of a message that is echoed, on a connection to `/echo`. */
  echo: (text: string) => string
  /** The text of a message in which the server sends what was published. @param news as JSON would have it, if it is JSON */
  delivery: (news: string, isJson: boolean) => string
}

const END_OF_HEAD = '\r\n\r\n'

const PLAIN: Dialect = {
  url: (path, n) => n === undefined ? path : `${path}?n=${n}`,
  hello: null,
  isOpen: received => received.endsWith(END_OF_HEAD),
  command: text => text,
  echo: text => text,
  delivery: news => news
}

/** A message (4) of Engine.IO which is an event (2) of Socket.IO. */
function event (name: string, argument: string): string {
  return `42["${name}",${argument}]`
}

/** The fourth version of Engine.IO over WebSocket alone, and the fifth of Socket.IO. */
const SOCKET_IO: Dialect = {
  url: (path, n) => `/socket.io/?EIO=4&transport=websocket&path=${path}${n === undefined ? '' : `&n=${n}`}`,
  // CONNECT to the main namespace.
  hello: masked(TEXT, '40'),
  isOpen: received => received.includes(END_OF_HEAD) && /40\{"sid":"[^"]*"(,"pid":"[^"]*")?\}$/.test(received),
  command: text => event('command', JSON.stringify(text)),
  echo: text => event('echo', JSON.stringify(text)),
  delivery: (news, isJson) => event('news', isJson ? news : JSON.stringify(news))
}

const DIALECTS = { plain: PLAIN, 'socket.io': SOCKET_IO }

export type DialectName = keyof typeof DIALECTS

export function dialectOf ({ dialect = 'plain' }: { dialect?: DialectName }): Dialect {
  return DIALECTS[dialect]
}
