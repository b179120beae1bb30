-- uses: confirming
-- ARGV: 4 dispatch
return confirm(ARGV[4])
