-- Which queues the tenant has used, what waits in each, and how many jobs are in other states.
local known, waiting = redis.call('HKEYS', HANDED), {}
for _, name in ipairs(known) do
  local eldest = redis.call('ZRANGE', WAITING .. name, 0, 0, 'WITHSCORES')
  if eldest[1] then
    waiting[#waiting + 1] = { name, redis.call('ZCARD', WAITING .. name), tonumber(eldest[2]) }
  end
end
return { now, known, waiting, redis.call('HGETALL', COUNTS) }
