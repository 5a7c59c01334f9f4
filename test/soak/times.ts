/* In milliseconds. */

/** Short, so that clients that have vanished are found within the run. */
export const HEARTBEAT = { interval: 2000, timeout: 2000 }

export const CLOSE_TIMEOUT = 2000

/** What a busy machine may add to any limit. */
export const MARGIN = 3000

/** From a client's last byte until it has to be cut; the heartbeat looks five times in an interval. */
export const FOUND_WITHIN = HEARTBEAT.interval + HEARTBEAT.timeout + HEARTBEAT.interval / 5 + MARGIN

/** For whatever is far quicker unless something is wrong. */
export const PATIENCE = 15_000
