-- uses: move attempt settle
-- ARGV: 6 whether its worker broke down: then it counts as lost
local BROKE = '{"code":"worker_lost","message":"Its worker broke down.",'
  .. '"type":"WorkerLost","retryable":true}'

enter()
load()
local refused = refuse()
if refused then return refused end
tell_last_progress()
if ARGV[6] == '1' then
  file_attempt('worker_lost', BROKE)
  put('losses', job.losses + 1)
else
  file_attempt('interrupted')
end
local answer = settle('released')
await(now)
return answer
