import { createHash } from 'node:crypto'
import type { Script } from './script.ts'

/**
 * Sends this process a message by way of its subscribed connection, and tells the time of the server. The only script without a
 * deadline: it is what the deadlines of the others are reckoned from, and who hears an old ping ignores it.
 *
 * KEYS: channel. ARGV: PUBLISH or SPUBLISH, the message. Answers seconds, and microseconds of the next one.
 */
const text = `
redis.call(ARGV[1], KEYS[1], ARGV[2])
return redis.call('TIME')
`

export const ping: Script = { name: 'ping', text, sha: createHash('sha1').update(text).digest('hex') }
