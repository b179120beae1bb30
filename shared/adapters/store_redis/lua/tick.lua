-- ARGV: 4 lease (ms)
local GAP = 3000
local lease = tonumber(ARGV[4])
enter()
local before = last_tick or born_at
local hold = tonumber(redis.call('HGET', META, 'hold_until')) or 0
if now - before > GAP or (changed_at and changed_at >= before) then hold = now + lease end
redis.call('HSET', META, 'tick', now, 'lease', lease, 'hold_until', hold)
return { epoch, now, math.max(0, hold - now) }
