-- ARGV: 4 before (id, '' for the newest)  5 limit
local limit = tonumber(ARGV[5])
local top = ARGV[4] == '' and '+' or '(' .. ARGV[4]
local ids = redis.call('ZREVRANGEBYLEX', PREFIX .. 'campaigns', top, '-', 'LIMIT', 0, limit + 1)
local page = {}
for i = 1, math.min(#ids, limit) do
  page[i] = { ids[i], redis.call('HGETALL', PREFIX .. 'campaign:' .. ids[i]) }
end
return { #ids > limit and ids[limit] or '', page }
