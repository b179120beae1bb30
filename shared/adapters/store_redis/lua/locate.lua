-- uses: look
-- ARGV: 4 after step
local job = redis.call('HMGET', JOB, 'revision', 'step', 'state', 'attempt', 'progress', 'result',
  'public_error', 'traceparent')
if not job[3] then return false end
local steps = redis.call('XRANGE', STEPS, '(' .. ARGV[4] .. '-0', '+')
return { current_epoch(), tonumber(redis.call('HGET', META, 'seq')), job, steps }
