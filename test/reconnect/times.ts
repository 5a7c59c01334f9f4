/* Milliseconds. Some tenths or hundredths of what is usual, so that much happens in little time. */
export interface Heartbeat {
  interval: number
  timeout: number
}

/** Of servers. */
export const SERVER_HEARTBEAT: Heartbeat = { interval: 250, timeout: 400 }

/** Of clients. */
export const QUICK = {
  reconnect: { min: 10, max: 150, spread: 80, stable: 300 },
  heartbeat: { interval: 120, timeout: 200 } as Heartbeat,
  connectTimeout: 800,
  closeTimeout: 300
}
