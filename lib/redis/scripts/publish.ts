import { script } from './script.ts'
import { TOPIC } from './topic.ts'

/** At most so many messages more than the size stay in a stream, and an eighth of the size: to trim it is the dearest part of a publish. */
const MOST_BEYOND = 32

/**
 * Numbers messages, keeps them, and announces them: of each topic all at once.
 *
 * ARGV: deadline, the epoch for topics that begin, PUBLISH or SPUBLISH, and then for each topic
 * - that keeps none: channel, `0`, the announcement. KEYS: the channel
 * - that keeps some: channel, what they are (how many, size and ttl, such as `3 200 60000`, and ` i` behind it if there are ids), the end
 *   of the announcement's line, all messages as one, and if there are ids all of them, each between two `+` (one alone: no id).
 *   KEYS: meta, stream, ids
 *
 * Answers, for each topic that keeps some, its epoch and the number of the first message, or with ids, its epoch and all entries.
 */
export const publish = script('publish', `${TOPIC}
local call, gmatch, sub = redis.call, string.gmatch, string.sub
local fresh, announce = ARGV[2], ARGV[3]
local k, a = 1, 4
local answer = {}
local shape, count, size, ttl, slack, withIds

-- The id of an entry that is still kept, or nil.
local function find (stream, ids, id)
  local entry = call('HGET', ids, id)
  if entry and #call('XRANGE', stream, entry, entry) > 0 then return entry end
end

-- Forgets the ids of messages that are beyond the size of the stream.
local function forget (stream, ids)
  local beyond = call('XLEN', stream) - size
  if beyond <= 0 then return end
  for _, entry in ipairs(call('XRANGE', stream, '-', '+', 'COUNT', beyond)) do
    local id = entry[2][4]
    -- The id may have been published again meanwhile.
    if id and call('HGET', ids, id) == entry[1] then call('HDEL', ids, id) end
  end
end

-- Adds a message to a stream that is not there: it begins with an entry for the message in front, so that its position stays good.
local function revive (stream, entry, seq, tag, ...)
  if seq > 0 then call('XADD', stream, int(seq) .. '-' .. tag, 'm', '') end
  call('XADD', stream, entry, ...)
end

-- What most topics need for most messages is done without tables and functions: it is half of the work.
local function publish ()
  local meta, stream, ids = KEYS[k], KEYS[k + 1], KEYS[k + 2]
  local channel, line, body = ARGV[a], ARGV[a + 2], ARGV[a + 3]
  -- It is the same text for most of the topics.
  if ARGV[a + 1] ~= shape then
    shape = ARGV[a + 1]
    local more
    count, size, ttl, more = string.match(shape, '^(%d+) (%d+) (%d+)(.*)$')
    count, size, ttl, withIds = tonumber(count), tonumber(size), tonumber(ttl), more == ' i'
    slack = math.max(1, math.min(${MOST_BEYOND}, math.floor(size / 8)))
  end
  local names = a + 3
  k = k + 3
  a = a + (withIds and 4 + count or 4)

  local found = call('HMGET', meta, 'e', 's', 't', 'i', 'x')
  local epoch, seq, tag, hasIds = found[1], tonumber(found[2]), found[3], found[4]
  if not epoch then
    epoch, seq, tag = fresh, 0, '0'
    begin(meta, stream, ids, epoch)
  end
  local first, tagInFront = seq + 1, tag
  answer[#answer + 1] = epoch
  if not withIds then answer[#answer + 1] = int(first) end

  local lines, bodies
  if withIds then lines, bodies = {}, {} end
  local i, start = 0, 1
  for own, length in gmatch(line, '(%d+):(%d+)') do
    i = i + 1
    local bytes = body
    if count > 1 then
      bytes = sub(body, start, start + length - 1)
      start = start + length
    end
    if not withIds then
      local entry = int(seq + 1) .. '-' .. own
      if not call('XADD', stream, 'NOMKSTREAM', entry, 'b', bytes) then revive(stream, entry, seq, tag, 'b', bytes) end
      seq = seq + 1
      tag = own
    else
      local name = ARGV[names + i]
      local entry = name ~= '+' and find(stream, ids, name)
      if not entry then
        entry = int(seq + 1) .. '-' .. own
        local fields = name ~= '+' and { 'b', bytes, 'i', name } or { 'b', bytes }
        if not call('XADD', stream, 'NOMKSTREAM', entry, unpack(fields)) then revive(stream, entry, seq, tag, unpack(fields)) end
        if name ~= '+' then
          call('HSET', ids, name, entry)
          if not hasIds then call('HSET', meta, 'i', '1') end
          hasIds = '1'
        end
        seq = seq + 1
        tag = own
        lines[#lines + 1] = own .. ':' .. length
        bodies[#bodies + 1] = bytes
      end
      answer[#answer + 1] = entry
    end
  end
  if withIds and #lines < count then line, body = table.concat(lines, ' '), table.concat(bodies) end

  if seq >= first then
    call('HSET', meta, 's', int(seq), 't', tag)
    if hasIds then
      forget(stream, ids)
      call('PEXPIRE', ids, ttl)
    end
    -- One more than the size stays, so that it is known what the oldest one follows.
    if hasIds or seq % slack <= seq - first then call('XTRIM', stream, 'MAXLEN', size + 1) end
    call('PEXPIRE', stream, ttl)
    call(announce, channel, '1 ' .. epoch .. ' ' .. int(first) .. ' ' .. tagInFront .. ' ' .. line .. '\\n' .. body)
  end
  keep(meta, ttl, found[5])
end

while a <= #ARGV do
  if ARGV[a + 1] == '0' then
    call(announce, ARGV[a], ARGV[a + 2])
    k = k + 1
    a = a + 3
  else
    publish()
  end
end
return answer
`)
