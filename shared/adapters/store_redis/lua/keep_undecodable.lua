-- ARGV: 4 digest  5 body  6 size  7 why. Under a tenant that has no jobs and is never born.
local MOST = 1000
local digest = ARGV[4]
local KEPT, FOUND = PREFIX .. 'undecodables', PREFIX .. 'undecodable:'

if redis.call('ZSCORE', KEPT, digest) then
  redis.call('HINCRBY', FOUND .. digest, 'seen', 1)
  return 0
end
redis.call('ZADD', KEPT, now, digest)
redis.call('HSET', FOUND .. digest, 'at', now, 'body', ARGV[5], 'size', ARGV[6], 'why', ARGV[7], 'seen', 1)
for _, old in ipairs(redis.call('ZRANGE', KEPT, 0, -MOST - 1)) do
  redis.call('ZREM', KEPT, old)
  redis.call('DEL', FOUND .. old)
end
return 1
