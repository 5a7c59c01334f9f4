import { turn } from '../../lib/connection/turn.ts'
import { DEFLATE_DEFAULTS } from '../../lib/deflate/negotiate.ts'
import { DEFAULTS } from '../../lib/live/route-options.ts'
import type { SocketBehaviour } from '../../lib/socket/behaviour.ts'
import type { PublicSocket } from '../../lib/socket/public-socket.ts'
import { SocketCore } from '../../lib/socket/socket.ts'
import { duplexPair } from '../../lib/testing/duplex-pair.ts'

/** Uses up what connections may take of this turn of the event loop. */
export function useUpTurn (): void {
  while (!turn.isOver);
}

const NO_TAKEOVER = { contextTakeover: false, windowBits: 15 }

type End = ReturnType<typeof duplexPair>[0]

export interface Fed {
  socket: PublicSocket
  inside: SocketCore
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
    codec: { decode: null, encode: null },
    onError: error => { throw error },
    onInvalidMessage: () => {},
    onEnd: () => {},
    ...options
  }
  const compression = compressed ? { server: NO_TAKEOVER, client: NO_TAKEOVER } : null
  const inside = new SocketCore(near, { protocol: '', extensions: '', compression }, behaviour)
  inside.connection.start(Buffer.alloc(0))
  return { socket: inside.public, inside, near, far, feed: bytes => { inside.connection.transportRead(Buffer.from(bytes), bytes.length) } }
}
