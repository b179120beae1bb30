-- uses: move attempt settle
-- ARGV: 6 error (JSON)  7 public error (JSON)  8 outcome  9 reason
local error, public, outcome, reason = ARGV[6], ARGV[7], ARGV[8], ARGV[9]

enter()
load()
local refused = refuse()
if refused then return refused end
tell_last_progress()
use_attempt(outcome)
file_attempt(outcome, error)
mark_dead(reason, error, public)
return settle('gave_up')
