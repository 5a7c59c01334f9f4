import { script } from './script.ts'
import { TOPIC } from './topic.ts'

/**
 * Numbers messages, keeps them, and announces them: of each topic all at once.
 *
 * ARGV: deadline, the epoch for topics that begin, PUBLISH or SPUBLISH, and then for each topic
 * - that keeps none: channel, `0`, the announcement. KEYS: the channel
 * - that keeps some: channel, how many messages, size, ttl, whether there are ids (`1`), the end of the announcement's line, all tags,
 *   all messages, and if there are ids all of them, each between two `+` (one alone: no id). KEYS: meta, stream, ids
 *
 * Answers, for each topic that keeps some, its epoch and the number of the first message, or with ids, its epoch and all entries.
 */
export const publish = script('publish', `${TOPIC}
local announce = ARGV[3]
local k, a = 1, 4

-- The id of an entry that is still kept, or nil.
local function find (stream, ids, id)
  local entry = redis.call('HGET', ids, id)
  if entry and #redis.call('XRANGE', stream, entry, entry) > 0 then return entry end
end

-- Forgets the ids of messages that are beyond the size of the stream.
local function forget (stream, ids, size)
  local beyond = redis.call('XLEN', stream) - size
  if beyond <= 0 then return end
  for _, entry in ipairs(redis.call('XRANGE', stream, '-', '+', 'COUNT', beyond)) do
    local id = entry[2][4]
    -- The id may have been published again meanwhile.
    if id and redis.call('HGET', ids, id) == entry[1] then redis.call('HDEL', ids, id) end
  end
end

local function publish ()
  local meta, stream, ids = KEYS[k], KEYS[k + 1], KEYS[k + 2]
  local channel, count, size, ttl = ARGV[a], tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3])
  local withIds, line = ARGV[a + 4] == '1', ARGV[a + 5]
  local tags, messages, names = a + 6, a + 6 + count, a + 6 + 2 * count
  k = k + 3
  a = withIds and names + count or names

  local found = redis.call('HMGET', meta, 'e', 's', 't', 'i', 'x')
  local epoch, hasIds = found[1], found[4]
  if not epoch then
    epoch = ARGV[2]
    begin(meta, stream, ids, epoch)
    found = { epoch, '0', '0' }
  end
  local seq, tag = tonumber(found[2]), found[3]
  local first, tagInFront = seq + 1, tag
  local isBegun = false

  local function append (i)
    local entry = int(seq + 1) .. '-' .. ARGV[tags + i]
    local bytes = ARGV[messages + i]
    local name = withIds and ARGV[names + i] or '+'
    local more = name ~= '+' and { 'b', bytes, 'i', name } or { 'b', bytes }
    if not isBegun then
      isBegun = true
      -- The stream may have gone: then it begins with an entry for the message in front, so that its position stays good.
      if redis.call('XADD', stream, 'NOMKSTREAM', entry, unpack(more)) then
        more = nil
      elseif seq > 0 then
        redis.call('XADD', stream, int(seq) .. '-' .. tag, 'm', '')
      end
    end
    if more then redis.call('XADD', stream, entry, unpack(more)) end
    if name ~= '+' then
      redis.call('HSET', ids, name, entry)
      if not hasIds then
        hasIds = '1'
        redis.call('HSET', meta, 'i', '1')
      end
    end
    seq = seq + 1
    tag = ARGV[tags + i]
    return entry
  end

  local answer = { epoch }
  local body
  if not withIds then
    for i = 0, count - 1 do append(i) end
    answer[2] = int(first)
    body = table.concat(ARGV, '', messages, messages + count - 1)
  else
    local parts, lines = {}, {}
    for i = 0, count - 1 do
      local name = ARGV[names + i]
      local entry = name ~= '+' and find(stream, ids, name)
      if not entry then
        entry = append(i)
        parts[#parts + 1] = ARGV[messages + i]
        lines[#lines + 1] = ARGV[tags + i] .. ':' .. #ARGV[messages + i]
      end
      answer[#answer + 1] = entry
    end
    line = table.concat(lines, ' ')
    body = table.concat(parts)
  end

  if isBegun then
    redis.call('HSET', meta, 's', int(seq), 't', tag)
    if hasIds then
      forget(stream, ids, size)
      redis.call('PEXPIRE', ids, ttl)
    end
    -- One more than the size stays, so that it is known what the oldest one follows.
    redis.call('XTRIM', stream, 'MAXLEN', size + 1)
    redis.call('PEXPIRE', stream, ttl)
    redis.call(announce, channel, '1 ' .. epoch .. ' ' .. int(first) .. ' ' .. tagInFront .. ' ' .. line .. '\\n' .. body)
  end
  keep(meta, ttl, found[5])
  return answer
end

local answers = {}
while a <= #ARGV do
  if ARGV[a + 1] == '0' then
    redis.call(announce, ARGV[a], ARGV[a + 2])
    k = k + 1
    a = a + 3
  else
    answers[#answers + 1] = publish()
  end
end
return answers
`)
