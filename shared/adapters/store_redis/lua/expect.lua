-- ARGV: 4 dispatch  5 delay (ms)
local job = redis.call('HMGET', JOB, 'dispatch', 'state', 'queue', 'priority')
if job[1] ~= ARGV[4] or job[2] ~= 'queued' or redis.call('ZSCORE', OUTBOX, id) then return 0 end
wait_from(now + tonumber(ARGV[5]), job[3], tonumber(job[4]))
return 1
