import type { SocketOptions } from '../../types/options.ts'

/** Options without a default: functions that replace default behaviour, and `limits`, which are not merged. */
type Absent = 'onError' | 'onInvalidMessage' | 'onDrain' | 'limits'

/** Options with every default filled in. */
export type ResolvedOptions = Required<Omit<SocketOptions, Absent>> & Pick<SocketOptions, Absent>

export const DEFAULTS: ResolvedOptions = {
  maxPayload: 1024 * 1024,
  maxQueued: 64 * 1024,
  highWaterMark: 64 * 1024,
  maxBuffered: 1024 * 1024,
  overflow: 'close',
  heartbeat: { interval: 30_000, timeout: 30_000 },
  idleTimeout: false,
  maxLifetime: false,
  handshakeTimeout: 10_000,
  closeTimeout: 5000,
  origin: 'same-host',
  protocols: [],
  deflate: false
}
