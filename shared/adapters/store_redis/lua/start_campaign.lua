-- uses: campaign
-- ARGV: 4 campaign  5 action  6-10 filter  11 matched  12 rate  13 limit  14 by  15 why  16… ids
local MOST_RUNNING, MOST_KEPT = 16, 1000

enter()
if redis.call('EXISTS', CAMPAIGN) == 0 then
  if redis.call('SCARD', RUNNING) >= MOST_RUNNING then return false end
  local ids = {}
  for i = 16, #ARGV do ids[#ids + 1] = ARGV[i] end
  redis.call('HSET', CAMPAIGN, 'state', 'running', 'action', ARGV[5], 'type', ARGV[6],
    'reason', ARGV[7], 'code', ARGV[8], 'older', ARGV[9], 'newer', ARGV[10],
    'matched', #ids > 0 and #ids or ARGV[11], 'rate', ARGV[12], 'limit', ARGV[13],
    'by', ARGV[14], 'why', ARGV[15], 'by_ids', #ids > 0 and 1 or 0, 'created_at', now,
    'done', 0, 'failed', 0, 'skipped', 0, 'turn', '', 'turn_jobs', '', 'cursor', '',
    'step_us', math.floor(1000000 / tonumber(ARGV[12]) + 0.5),
    'paced_us', string.format('%.0f', now * 1000))
  if #ids > 0 then redis.call('RPUSH', IDS, unpack(ids)) end
  redis.call('SADD', RUNNING, ARGV[4])
  redis.call('ZADD', CAMPAIGNS, 0, ARGV[4])
  redis.call('ZREMRANGEBYRANK', CAMPAIGNS, 0, -MOST_KEPT - 1)
end
return redis.call('HGETALL', CAMPAIGN)
