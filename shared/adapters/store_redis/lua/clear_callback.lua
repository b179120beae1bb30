-- ARGV: 4 step
return redis.call('ZREM', CALLBACKS, id .. ' ' .. ARGV[4])
