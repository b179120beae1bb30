-- uses: move attempt settle
-- ARGV: 6 rung
enter()
load()
local refused = refuse()
if refused then return refused end
tell_last_progress()
use_attempt('cancelled')
file_attempt('cancelled')
put('stopped_by', ARGV[6])
return settle('cancelled')
