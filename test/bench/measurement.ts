/** What a process has used so far, in seconds, and when that was. */
export interface CpuTime {
  seconds: number
  at: number
}

/** Share of a core between two times. */
export function share (before: CpuTime, after: CpuTime): number {
  return (after.seconds - before.seconds) / (after.at - before.at)
}

export interface Timing {
  /** Seconds of load before the measurement begins. */
  warmUp: number
  seconds: number
}

/** Figures of one round, or the medians of several. */
export interface Measurement {
  /** What the load's unit says. */
  value: number
  /** CPU time of the server in microseconds: per reply, handshake, delivery or topic. */
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
  /** The longest time for which the server's event loop did nothing else, in microseconds. */
  longest?: number
  /** Bytes of heap per connection or subscription. */
  heap?: number
  /** CPU time of the server in microseconds, each for one topic. */
  subscribing?: number
  publishing?: number
  leaving?: number
  /** The same of the process that gets what another one publishes, for each message. */
  receiving?: number
  /** CPU time of the engine between two processes, in microseconds for each message. */
  engine?: number
  /** What it was told for each message, those commands included that scripts have called. */
  commands?: number
}

/** The generator's share of a core from which on a figure says more about it than about the server. */
export const LIMIT = 0.9
