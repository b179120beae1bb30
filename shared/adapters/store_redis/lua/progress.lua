-- ARGV: 4 token  5 number  6 progress (JSON)
enter()
local job = redis.call('HMGET', JOB, 'state', 'token', 'number', 'revision', 'step', 'made_in')
if not job[1] then return 1 end -- forgotten: the heartbeat will say what becomes of the attempt
if job[1] ~= 'running' or job[2] ~= ARGV[4] then
  return grace_left(job[6], lease_ms) > 0 and 1 or 0
end
local number = tonumber(ARGV[5])
if number > (tonumber(job[3]) or 0) then tell_progress(ARGV[6], number, tonumber(job[4]), tonumber(job[5])) end
return 1
