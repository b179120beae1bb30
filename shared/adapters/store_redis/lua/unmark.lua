-- KEYS: 10 idem.   The request that was under way has given up: the next one need not wait.
local bound = redis.call('HMGET', KEYS[10], 'job', 'marker_of')
if (bound[2] or bound[1]) ~= id then return 0 end
redis.call('HSET', KEYS[10], 'marker_until', 0)
return 1
