-- uses: move attempt settle
-- ARGV: 6 result (JSON)
enter()
load()
local refused = refuse()
if refused then return refused end
tell_last_progress()
use_attempt('succeeded')
file_attempt('succeeded')
put('result', ARGV[6])
return settle('succeeded', ARGV[6])
