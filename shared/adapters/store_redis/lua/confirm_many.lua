-- uses: confirming
-- ARGV: 4… job, dispatch
return in_one_go(function() return confirm(4) end)
