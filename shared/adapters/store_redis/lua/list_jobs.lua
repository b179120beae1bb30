-- uses: look
-- ARGV: 4 before (id, '' for the newest)  5 limit
local limit = tonumber(ARGV[5])
local top = ARGV[4] == '' and '+' or '(' .. ARGV[4]
local ids = redis.call('ZREVRANGEBYLEX', JOBS, top, '-', 'LIMIT', 0, limit + 1)
local more = #ids > limit
local page = {}
for i = 1, math.min(#ids, limit) do
  turn_to(ids[i])
  page[i] = { id, redis.call('HGETALL', JOB), redis.call('LRANGE', ATTEMPTS, 0, -1) }
end
return { current_epoch(), more and 1 or 0, page }
