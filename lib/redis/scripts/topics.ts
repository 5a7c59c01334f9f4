import { script } from './script.ts'
import { META_STAYS, TOPIC } from './topic.ts'

/**
 * Where topics stand. Begins those that have never been.
 *
 * KEYS for each topic: meta, stream, ids. ARGV: deadline, the epoch for topics that begin, and for each topic its ttl.
 * Answers for each topic its epoch, the number of the last message and that one's tag.
 */
export const stand = script('stand', `${TOPIC}
local answer = {}
for i = 0, #KEYS / 3 - 1 do
  local meta = KEYS[3 * i + 1]
  local found = redis.call('HMGET', meta, 'e', 's', 't', 'x')
  if not found[1] then
    begin(meta, KEYS[3 * i + 2], KEYS[3 * i + 3], ARGV[2])
    found = { ARGV[2], '0', '0' }
  end
  keep(meta, tonumber(ARGV[3 + i]), found[4])
  for j = 1, 3 do answer[#answer + 1] = found[j] end
end
return answer
`)

/**
 * Keeps what is known of topics that somebody is subscribed to, although nothing is published.
 *
 * KEYS: the meta of each topic. ARGV: deadline, and for each topic its ttl.
 */
export const renew = script('renew', `
for i = 1, #KEYS do redis.call('PEXPIRE', KEYS[i], int(tonumber(ARGV[1 + i]) + ${META_STAYS})) end
`)

/**
 * The messages behind a position, if it is certain that none is missing.
 *
 * KEYS: meta, stream. ARGV: deadline, the position's epoch, number and tag, how many messages at most, and the size of the history.
 * Answers false, or entries and their bytes in turn.
 */
export const read = script('read', `
local meta, stream = KEYS[1], KEYS[2]
local epoch, seq, tag, limit = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local found = redis.call('HMGET', meta, 'e', 's', 't')
if found[1] ~= epoch then return false end
if found[2] == seq and found[3] == tag then return {} end
-- Some stay for a while although they are beyond the size.
if tonumber(found[2]) - tonumber(seq) > tonumber(ARGV[6]) then return false end

local start = seq .. '-' .. tag
local from = 2
if start == '0-0' then
  -- In front of the first message of all: that one must still be there.
  start = '-'
  from = 1
end
local entries = redis.call('XRANGE', stream, start, '+', 'COUNT', limit + from - 1)
local first = entries[1]
if not first then return false end
if from == 2 and first[1] ~= start then return false end
if from == 1 and (first[1]:sub(1, 2) ~= '1-' or first[2][1] ~= 'b') then return false end

-- What comes to the end of the stream must have come to the end of the topic.
if #entries < limit + from - 1 and entries[#entries][1] ~= found[2] .. '-' .. found[3] then return false end
local answer = {}
for i = from, #entries do
  answer[#answer + 1] = entries[i][1]
  answer[#answer + 1] = entries[i][2][2]
end
return answer
`)

/**
 * The last messages.
 *
 * KEYS: meta, stream. ARGV: deadline, how many at most.
 * Answers the topic's epoch, and then entries and their bytes in turn, the newest first; nothing if there is no such topic.
 */
export const last = script('last', `
local epoch = redis.call('HGET', KEYS[1], 'e')
if not epoch then return {} end
local answer = { epoch }
for _, entry in ipairs(redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', ARGV[2])) do
  if entry[2][1] == 'b' then
    answer[#answer + 1] = entry[1]
    answer[#answer + 1] = entry[2][2]
  end
end
return answer
`)
