-- KEYS: 10 idem.   The request that was under way has given up: the next one need not wait.
if redis.call('HGET', KEYS[10], 'marker_of') ~= id then return 0 end
redis.call('HSET', KEYS[10], 'marker_until', 0)
return 1
