-- uses: look letters
-- ARGV: 4-8 filter  9 before (member)  10 limit
local filter = filter_of(ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8])
local page = {}
local last = newest_first(filter, given(ARGV[9]), tonumber(ARGV[10]), function(other)
  turn_to(other)
  page[#page + 1] = { id, redis.call('HGETALL', JOB), redis.call('LRANGE', ATTEMPTS, 0, -1) }
end)
return { current_epoch(), last or '', page }
