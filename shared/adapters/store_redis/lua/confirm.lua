-- ARGV: 4 dispatch
if redis.call('HGET', JOB, 'dispatch') ~= ARGV[4] then return 0 end
return redis.call('ZREM', OUTBOX, id)
