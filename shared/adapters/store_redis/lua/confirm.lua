-- ARGV: 4 dispatch
local job = redis.call('HMGET', JOB, 'dispatch', 'state', 'queue', 'priority')
if job[1] ~= ARGV[4] then return 0 end
local cleared = redis.call('ZREM', OUTBOX, id)
if cleared == 1 and job[2] == 'queued' then wait_from(now, job[3], tonumber(job[4])) end
return cleared
