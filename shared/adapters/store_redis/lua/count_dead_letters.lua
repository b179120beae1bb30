-- uses: letters
-- ARGV: 4-8 filter  9 before (member)
local filter = filter_of(ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8])
local count = 0
local last = newest_first(filter, given(ARGV[9]), math.huge, function() count = count + 1 end)
return { count, last or '' }
