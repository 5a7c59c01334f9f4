import { turn } from '../../lib/connection/turn.ts'
import { DEFAULTS, DEFLATE_DEFAULTS } from '../../lib/plugin/options.ts'
import { duplexPair } from '../../lib/testing/duplex-pair.ts'
import type { SocketBehaviour } from '../../lib/socket/behaviour.ts'
import { SocketBase } from '../../lib/socket/socket.ts'

/** Uses up what connections may take of this turn of the event loop. */
export function useUpTurn (): void {
  while (!turn.isOver);
}

const NO_TAKEOVER = { contextTakeover: false, windowBits: 15 }

type End = ReturnType<typeof duplexPair>[0]

export interface Fed {
  socket: SocketBase
  /** Its transport, and that of its peer. */
  near: End
  far: End
  /** Has it read these bytes now. */
  feed (bytes: Buffer): void
}

/** A socket of a server on a transport in memory. It can be fed by calls, so that a test knows in which turn it reads. */
export function fedSocket (options: Partial<SocketBehaviour> = {}, compressed = false): Fed {
  const [near, far] = duplexPair()
  const behaviour: SocketBehaviour = {
    role: 'server',
    ...DEFAULTS,
    rate: null,
    clock: { now: 0 },
    deflate: DEFLATE_DEFAULTS,
    decoder: null,
    serialize: null,
    onError: error => { throw error },
    onInvalidMessage: () => {},
    onEnd: () => {},
    ...options
  }
  const compression = compressed ? { server: NO_TAKEOVER, client: NO_TAKEOVER } : null
  const socket = new SocketBase(near, { protocol: '', extensions: '', compression }, behaviour)
  socket.connection.start(Buffer.alloc(0))
  return { socket, near, far, feed: bytes => { socket.connection.transportRead(Buffer.from(bytes), bytes.length) } }
}
