-- uses: move describing bound submitting
enter()
local answer = answer_known()
if answer then return answer end
write_new()
return { 'written', now, epoch, job.state } -- the rest the caller knows
