-- uses: confirming
-- ARGV: 4… job, dispatch
local cleared = 0
for i = 4, #ARGV, 2 do
  turn_to(ARGV[i])
  cleared = cleared + confirm(ARGV[i + 1])
end
return cleared
