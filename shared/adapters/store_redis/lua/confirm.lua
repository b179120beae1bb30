-- ARGV: 4 dispatch
-- The broker has a message: it is owed no more, and a job that is queued waits for it.
local job = redis.call('HMGET', JOB, 'dispatch', 'state', 'queue', 'priority')
if job[1] ~= ARGV[4] or redis.call('ZREM', OUTBOX, id) == 0 then return 0 end
if job[2] == 'queued' then wait_from(NOW, job[3], tonumber(job[4])) end
return 1
