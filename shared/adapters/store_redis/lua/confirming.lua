-- The broker has a message: it is owed no more, and the job at hand waits for it.
local function confirm(dispatch)
  local job = redis.call('HMGET', JOB, 'dispatch', 'state', 'queue', 'priority')
  if job[1] ~= dispatch then return 0 end
  local cleared = redis.call('ZREM', OUTBOX, id)
  if cleared == 1 and job[2] == 'queued' then wait_from(now, job[3], tonumber(job[4])) end
  return cleared
end
