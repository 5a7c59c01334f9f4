import { script } from './script.ts'

/**
 * The members of a topic are a hash. Its field `#` counts how many have ever joined; every other one is `+` and the id of a member.
 * The value is `12 node node`, a line break, and what is told of the member: 12 is its place in the order.
 */
const MEMBERS = `
-- Where a member stands, the nodes that have it, each between blanks, and what is told of it.
local function parse (value)
  local line = value:find('\\n', 1, true)
  local blank = value:find(' ', 1, true)
  return value:sub(1, blank - 1), value:sub(blank, line - 1) .. ' ', value:sub(line + 1)
end

local function has (nodes, node) return nodes:find(' ' .. node .. ' ', 1, true) end

-- How many members a node has in a topic, for whoever removes them if it is gone.
local function count (topics, topic, by)
  if redis.call('HINCRBY', topics, topic, by) <= 0 then redis.call('HDEL', topics, topic) end
end

-- Takes a member from a node that has it. Whether nobody else has it: then it is removed.
local function take (members, field, node, place, nodes, info)
  local at = has(nodes, node)
  local rest = nodes:sub(1, at) .. nodes:sub(at + #node + 2)
  if rest:find('%S') then
    redis.call('HSET', members, field, place .. rest:sub(1, -2) .. '\\n' .. info)
    return false
  end
  redis.call('HDEL', members, field)
  if redis.call('HLEN', members) == 1 then redis.call('DEL', members) end
  return true
end
`

/**
 * Members are in a node.
 *
 * KEYS for each: the topic's members, the node's topics. ARGV: deadline, node, and for each: topic, id, what is told of it.
 * Answers for each 1 if it was in no node at all, otherwise 0.
 */
export const join = script('join', `${MEMBERS}
local node, answer = ARGV[2], {}
for i = 0, #KEYS / 2 - 1 do
  local members, topics = KEYS[2 * i + 1], KEYS[2 * i + 2]
  local topic, field, info = ARGV[3 * i + 3], '+' .. ARGV[3 * i + 4], ARGV[3 * i + 5]
  local value = redis.call('HGET', members, field)
  local place, nodes = nil, ' '
  if value then
    place, nodes = parse(value)
  else
    place = redis.call('HINCRBY', members, '#', 1)
  end
  if not has(nodes, node) then
    nodes = nodes .. node .. ' '
    count(topics, topic, 1)
  end
  redis.call('HSET', members, field, place .. nodes:sub(1, -2) .. '\\n' .. info)
  answer[#answer + 1] = value and 0 or 1
end
return answer
`)

/**
 * Members are no longer in a node.
 *
 * KEYS for each: the topic's members, the node's topics. ARGV: deadline, node, and for each: topic, id.
 * Answers for each 1 if it is in no node any more, but was, otherwise 0.
 */
export const leave = script('leave', `${MEMBERS}
local node, answer = ARGV[2], {}
for i = 0, #KEYS / 2 - 1 do
  local members, topics = KEYS[2 * i + 1], KEYS[2 * i + 2]
  local topic, field = ARGV[2 * i + 3], '+' .. ARGV[2 * i + 4]
  local value = redis.call('HGET', members, field)
  local isGone = false
  if value then
    local place, nodes, info = parse(value)
    if has(nodes, node) then
      isGone = take(members, field, node, place, nodes, info)
      count(topics, topic, -1)
    end
  end
  answer[#answer + 1] = isGone and 1 or 0
end
return answer
`)

/**
 * A node is gone: takes all its members in a topic from it.
 *
 * KEYS: the topic's members, the node's topics. ARGV: deadline, node, topic.
 * Answers those who are in no node any more: id and what is told of it, in turn.
 */
export const reap = script('reap', `${MEMBERS}
local members, topics, node, topic = KEYS[1], KEYS[2], ARGV[2], ARGV[3]
local answer = {}
local all = redis.call('HGETALL', members)
for i = 1, #all, 2 do
  if all[i] ~= '#' then
    local place, nodes, info = parse(all[i + 1])
    if has(nodes, node) and take(members, all[i], node, place, nodes, info) then
      answer[#answer + 1] = all[i]:sub(2)
      answer[#answer + 1] = info
    end
  end
end
redis.call('HDEL', topics, topic)
return answer
`)

/**
 * A node lives: its lease is renewed. Finds nodes whose lease is over.
 *
 * Their names stay in `gone`, and are found again after some time, until nothing of them is left: whoever was to remove their
 * members may have stopped meanwhile.
 *
 * KEYS: nodes, gone. ARGV: deadline, node, lease, `new` if the node is to be known from now on; then it does not look for others.
 * Answers 1 if the node was unknown, otherwise 0; then the nodes that this call has found, of which nobody else is told.
 */
export const beat = script('beat', `
local nodes, gone, node, lease = KEYS[1], KEYS[2], ARGV[2], tonumber(ARGV[3])
local known = redis.call('ZSCORE', nodes, node)
if known or ARGV[4] == 'new' then
  if not known or known - now < lease * 2 / 3 then redis.call('ZADD', nodes, int(now + lease), node) end
end
local answer = { known and 0 or 1 }
if ARGV[4] == 'new' then return answer end
for _, other in ipairs(redis.call('ZRANGEBYSCORE', nodes, '-inf', int(now), 'LIMIT', 0, 16)) do
  redis.call('ZREM', nodes, other)
  redis.call('ZADD', gone, int(now + lease), other)
  answer[#answer + 1] = other
end
for _, other in ipairs(redis.call('ZRANGEBYSCORE', gone, '-inf', int(now), 'LIMIT', 0, 16)) do
  redis.call('ZADD', gone, int(now + lease), other)
  answer[#answer + 1] = other
end
return answer
`)

/**
 * A node closes: its lease ends soon.
 *
 * KEYS: nodes. ARGV: deadline, node, in how many milliseconds.
 */
export const retire = script('retire', `
redis.call('ZADD', KEYS[1], 'XX', int(now + tonumber(ARGV[3])), ARGV[2])
`)
