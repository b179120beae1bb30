-- uses: confirming
-- ARGV: 3 job  4 dispatch
return confirm(3)
