/**
 * Where a topic stands, in its hash: `e` its epoch, `s` the number of its last message and `t` that one's tag, `i` if any message
 * ever had an id, `x` until when the hash is kept at least.
 *
 * The hash outlives the stream by so much: then a position stays good while nothing is published, and numbers are not used again.
 */
export const META_STAYS = 15 * 60_000

/** How much sooner than that the time is renewed at the latest. It saves a command for almost every publish. */
const META_SLACK = 60_000

/** Lua: functions for the scripts that begin topics. */
export const TOPIC = `
-- A topic begins. What is left over of an earlier life of it goes: the hash may have been evicted alone.
local function begin (meta, stream, ids, epoch)
  redis.call('DEL', meta, stream, ids)
  redis.call('HSET', meta, 'e', epoch, 's', '0', 't', '0')
end

-- The hash is kept for a while longer than messages that are published now.
local function keep (meta, ttl, known)
  local due = now + ttl + ${META_STAYS}
  if known and tonumber(known) > due - ${META_SLACK} then return end
  redis.call('HSET', meta, 'x', int(due))
  redis.call('PEXPIRE', meta, int(due - now))
end
`
