-- uses: look
-- ARGV: 4 limit
local AGAIN = 15000 -- ms; whoever got an entry has handed it on by then, or has failed

local due = redis.call('ZRANGEBYSCORE', CALLBACKS, '-inf', now, 'LIMIT', 0, ARGV[4])
local found = {}
for _, member in ipairs(due) do
  local other, step = string.match(member, '^(%S+) (%d+)$')
  turn_to(other)
  local ended = redis.call('XRANGE', STEPS, step .. '-0', step .. '-0')[1]
  if ended then
    redis.call('ZADD', CALLBACKS, now + AGAIN, member)
    found[#found + 1] = { id, tonumber(step), ended[2], redis.call('HGETALL', JOB),
      redis.call('LRANGE', ATTEMPTS, 0, -1) }
  else
    redis.call('ZREM', CALLBACKS, member) -- somebody has deleted it by hand
  end
end
return { current_epoch(), found }
