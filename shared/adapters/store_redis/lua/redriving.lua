-- The two ways out for a dead letter that has been loaded.
local function cannot_redrive()
  return other_holder() ~= nil or is_worn_out(1)
end

local function redrive_job(turn)
  put('redrives', (tonumber(redis.call('HGET', JOB, 'redrives')) or 0) + 1)
  put('spent', 0)
  put('crashes', 0)
  put('losses', 0)
  unmark_dead()
  put('error', nil)
  put('public_error', nil)
  put('finished_at', nil)
  put('cancel_requested_at', nil)
  put('cancel_grace', nil)
  put('cancel_reason', nil)
  if job.run_at and job.run_at > now then put('run_at', nil) end -- a redrive means now
  new_dispatch(now + OUTBOX_PATIENCE)
  put('redriven', turn .. ' ' .. job.dispatch)
  hold_unique(given(redis.call('HGET', JOB, 'unique_key')))
  move('redriven')
end

local function discard_job(by, reason)
  unmark_dead()
  keep(unpack(redis.call('HMGET', JOB, 'retention', 'key_hash', 'keyed_at')))
  put('discarded_at', now)
  put('discarded_by', by)
  put('discard_reason', given(reason))
  put('revision', job.revision + 1)
  save()
end
