/** What a server does with its messages; its script has a handler for each. */
export type Role = 'echo' | 'json' | 'fan-out'

export interface EchoLoad {
  kind: 'echo'
  content: 'binary' | 'text' | 'json' | 'deflate'
  connections: number
  /** Messages on their way, per connection. */
  inFlight: number
  /** Bytes in a message, before compression. JSON for schemas has its own sizes. */
  size: number
  tls?: boolean
  /** What else the name should say. */
  note?: string
}

export interface HandshakeLoad {
  kind: 'handshakes'
  /** Connections that are being opened at any time. */
  inProgress: number
}

export interface MemoryLoad {
  kind: 'memory'
  connections: number
  tls?: boolean
}

export interface FanOutLoad {
  kind: 'fan-out'
  connections: number
  /** Broadcasts on their way. */
  inFlight: number
  /** Bytes in each message that is broadcast. */
  size: number
}

/** One client sends as fast as it can, and another one a message at a time: how long does that one wait? */
export interface FloodLoad {
  kind: 'flood'
  /** Texts of a byte, or JSON for schemas. */
  content: 'text' | 'json'
}

export type Load = EchoLoad | HandshakeLoad | MemoryLoad | FanOutLoad | FloodLoad

export interface Timing {
  /** Seconds of load before the measurement begins. */
  warmUp: number
  seconds: number
}

/** Figures of one round, or the medians of several. */
export interface Measurement {
  /** What the load's unit says. */
  value: number
  /** CPU time of the server in microseconds: per reply, handshake or delivery. */
  serverMicros?: number
  /** Share of one core. */
  serverCpu?: number
  /** Share of one core. From LIMIT on it may be the generator that was measured. */
  generatorCpu?: number
  /** What everything else on the machine used, in cores. */
  othersCpu?: number
  /** Latency in microseconds. */
  p50?: number
  p99?: number
  p999?: number
  /** Bytes of heap per connection. */
  heap?: number
}

/** The generator's share of a core from which on a figure says more about it than about the server. */
export const LIMIT = 0.9

export function withTls (load: Load): boolean {
  return 'tls' in load && load.tls === true
}

export function roleOf (load: Load): Role {
  if (load.kind === 'fan-out') return 'fan-out'
  return 'content' in load && load.content === 'json' ? 'json' : 'echo'
}

/** What the other client of a flood does, who floods nobody. */
export function otherOf ({ content }: FloodLoad): EchoLoad {
  return { kind: 'echo', content, size: 1, connections: 1, inFlight: 1 }
}

/** Whether a smaller figure is a better one. */
export function isLessBetter ({ kind }: Load): boolean {
  return kind === 'memory' || kind === 'flood'
}

const UNITS = {
  echo: 'replies/s', handshakes: 'handshakes/s', memory: 'bytes/connection', 'fan-out': 'deliveries/s',
  flood: 'µs until another has its reply (p99)'
}

export function unitOf (load: Load): string {
  return UNITS[load.kind]
}

export function nameOf (load: Load): string {
  if (load.kind === 'handshakes') return `handshakes, ${load.inProgress} at a time`
  if (load.kind === 'memory') {
    return `memory of ${load.connections.toLocaleString('en')} idle WebSockets${withTls(load) ? ', TLS' : ''}`
  }
  if (load.kind === 'fan-out') return `fan-out of ${load.size} B to ${load.connections.toLocaleString('en')} × ${load.inFlight}`
  if (load.kind === 'flood') return `one floods with ${load.content === 'json' ? 'JSON for schemas' : 'texts of 1 B'}`
  const content = {
    binary: `binary ${bytes(load.size)}`,
    text: `UTF-8 ${bytes(load.size)}`,
    json: 'JSON with schemas',
    deflate: `deflated JSON ${bytes(load.size)}`
  }[load.content]
  const notes = [...load.note === undefined ? [] : [load.note], ...withTls(load) ? ['TLS'] : []]
  return [content, ...notes, `${load.connections} × ${load.inFlight}`].join(', ')
}

/** In the largest unit that divides it. */
export function bytes (size: number): string {
  if (size >= 1024 * 1024 && size % (1024 * 1024) === 0) return `${size / 1024 / 1024} MiB`
  if (size >= 1024 && size % 1024 === 0) return `${size / 1024} KiB`
  if (size >= 1e6 && size % 1e6 === 0) return `${size / 1e6} MB`
  return `${size} B`
}
