import { createHash } from 'node:crypto'

/** A Lua script that the server keeps. */
export interface Script {
  readonly name: string
  readonly text: string
  /** What EVALSHA calls it by. */
  readonly sha: string
}

/**
 * Each script begins with this. `ARGV[1]` is the time of the server, in milliseconds, after which it must not run any more: a server
 * that stood still goes on with what its sockets hold, long after we have told the caller that nothing was done.
 */
const DEADLINE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now > tonumber(ARGV[1]) then return redis.error_reply('LATE the time for this call is over') end
-- Numbers above 1e14 would become 1e+14.
local function int (number) return string.format('%.0f', number) end
`

/** @param text Lua, with `now` (the time of the server) and `int` (a number as text) */
export function script (name: string, text: string): Script {
  const whole = `${DEADLINE}${text}`
  return { name, text: whole, sha: createHash('sha1').update(whole).digest('hex') }
}
