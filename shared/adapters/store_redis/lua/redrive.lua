-- uses: move redriving
-- ARGV: 4 turn
local turn = ARGV[4]

enter()
load()
if not job.state then return { 'not_found' } end
if job.dead_reason then
  local holder = other_holder()
  if holder then return { 'taken', holder } end
  if is_worn_out(1) then return reply('worn_out') end
  redrive_job(turn)
  return reply('done', 1)
end
-- Asked before? While its message is not confirmed, whoever asks may publish it.
local was, dispatch = string.match(redis.call('HGET', JOB, 'redriven') or '', '^(%S+) (%d+)$')
local owed = tonumber(dispatch) == job.dispatch and in_outbox()
if was == turn or owed then return reply('done', owed and 1 or 0) end
return reply('nothing')
