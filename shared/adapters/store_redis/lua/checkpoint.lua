-- ARGV: 4 token  5 data (JSON)
enter()
local job = redis.call('HMGET', JOB, 'state', 'token', 'made_in')
if not job[1] then return 1 end -- forgotten: the heartbeat will say what becomes of the attempt
if job[1] ~= 'running' or job[2] ~= ARGV[4] then
  return grace_left(job[3], lease_ms) > 0 and 1 or 0
end
redis.call('HSET', JOB, 'checkpoint', ARGV[5])
return 1
