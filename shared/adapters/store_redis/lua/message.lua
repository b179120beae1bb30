-- The message that a script is about; ARGV as in `describing`.
local message = { dispatch = tonumber(said[17]), created_at = tonumber(said[16]) }

-- Create the record anew: the store has had one, and something of it may be left.
local function recreate()
  redis.call('DEL', JOB, STEPS, ATTEMPTS)
  create(message.created_at, tonumber(said[12]))
  job.dispatch, job.max_attempts, job.priority = message.dispatch, tonumber(said[9]), tonumber(said[7])
  job.spent, job.crashes, job.losses, job.number = tonumber(said[18]), tonumber(said[19]), 0, 0
  job.spent_all, job.run_at, job.expires_at = job.spent, tonumber(said[12]), tonumber(said[13])
  job.dispatched_at, job.made_in = message.created_at, epoch
end

-- The message is newer than the record: believe the message.
local function adopt()
  local spent, crashes = tonumber(said[18]), tonumber(said[19])
  if job.state == 'failed' then
    put('redrives', (tonumber(redis.call('HGET', JOB, 'redrives')) or 0) + 1)
    put('spent', spent)
    put('crashes', crashes)
    put('losses', 0)
    unmark_dead()
    put('finished_at', nil)
    put('error', nil)
    put('public_error', nil)
    put('dispatch', message.dispatch)
    hold_unique(given(redis.call('HGET', JOB, 'unique_key')))
    return move('redriven')
  end
  put('dispatch', message.dispatch)
  put('spent_all', job.spent_all + math.max(0, spent - job.spent))
  put('spent', math.max(job.spent, spent))
  put('crashes', math.max(job.crashes, crashes))
end
