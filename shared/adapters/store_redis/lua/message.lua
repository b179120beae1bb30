-- The message that a script is about; ARGV as in `describing`.
local message = { max_attempts = tonumber(said[9]), run_at = tonumber(said[12]),
  expires_at = tonumber(said[13]), created_at = tonumber(said[16]), dispatch = tonumber(said[17]),
  spent = tonumber(said[18]), crashes = tonumber(said[19]) }

-- Create the record anew: the store has had one, and something of it may be left.
local function recreate()
  redis.call('DEL', JOB, STEPS, ATTEMPTS)
  create(message.created_at, message.run_at)
  for name, value in pairs(message) do job[name] = value end
  job.spent_all, job.losses, job.number = message.spent, 0, 0
  job.priority, job.dispatched_at, job.made_in = tonumber(said[7]), message.created_at, epoch
end

-- The message is newer than the record: believe the message.
local function adopt()
  if job.state == 'failed' then
    put('redrives', (tonumber(redis.call('HGET', JOB, 'redrives')) or 0) + 1)
    put('spent', message.spent)
    put('crashes', message.crashes)
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
  put('spent_all', job.spent_all + math.max(0, message.spent - job.spent))
  put('spent', math.max(job.spent, message.spent))
  put('crashes', math.max(job.crashes, message.crashes))
end
