-- ARGV: 4 token  5 last progress  6 …   Whoever ends an attempt must hold its token.
local token = ARGV[4]

-- The answer again for a repeat, LOST for a stranger, nil for the holder.
local function refuse()
  if job.state and job.settled_token == token then
    local state, dispatch, delay = string.match(job.settled, '^(%S+) (%S+) (%S+)$')
    if tonumber(dispatch) ~= job.dispatch or is_final() or job.state == 'running' then
      delay = '-1' -- its message has been claimed
    end
    return { 'ok', state, tonumber(delay), epoch, delay ~= '-1' and redis.call('HGETALL', JOB) or {} }
  end
  if job.state ~= 'running' or job.token ~= token then return { 'lost', '', -1, epoch, {} } end
end

local function tell_last_progress()
  local progress = given(ARGV[5])
  if progress then
    job.revision = tell_progress(progress, job.number + 1, job.revision, job.step)
  end
end

-- Move, and remember the answer. `delay` (ms) when a message has to go out, else nil.
local function settle(event, result, delay)
  put('settled_token', token)
  put('settled', next_state('running ' .. event) .. ' ' .. job.dispatch .. ' ' .. (delay or -1))
  move(event, result)
  return { 'ok', job.state, delay or -1, epoch, delay and redis.call('HGETALL', JOB) or {} }
end
