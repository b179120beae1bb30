-- uses: look
if redis.call('EXISTS', JOB) == 0 then return false end
return { current_epoch(), redis.call('HGETALL', JOB), redis.call('LRANGE', ATTEMPTS, 0, -1) }
