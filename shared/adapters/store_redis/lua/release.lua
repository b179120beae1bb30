-- uses: move attempt settle
enter()
load()
local refused = refuse()
if refused then return refused end
tell_last_progress()
file_attempt('interrupted')
local answer = settle('released')
await(now)
return answer
