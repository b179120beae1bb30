-- uses: move attempt settle
-- ARGV: 6 error (JSON)  7 public error (JSON)  8 outcome  9 delay (ms)
local error, public, outcome, delay = ARGV[6], ARGV[7], ARGV[8], tonumber(ARGV[9])

enter()
load()
local refused = refuse()
if refused then return refused end
tell_last_progress()
use_attempt(outcome)
file_attempt(outcome, error)
if job.cancel_requested_at then return settle('cancelled') end
put('error', error)
put('public_error', public)
put('retry_at', now + delay)
redis.call('ZADD', DUE, now + delay, id)
new_dispatch(now + OUTBOX_PATIENCE)
return settle('erred', nil, delay)
