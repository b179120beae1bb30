-- A job as a message or a submit describes it, and how a record is made from it.
-- ARGV: 4-19, in the order of MESSAGE.
local MESSAGE = { 'type', 'type_version', 'queue', 'priority', 'payload', 'max_attempts', 'labels',
  'submitted_by', 'run_at', 'expires_at', 'traceparent', 'key_hash', 'created_at', 'dispatch',
  'spent', 'crashes' }
local message = {}
for i, name in ipairs(MESSAGE) do message[name] = given(ARGV[3 + i]) end
for _, name in ipairs({ 'max_attempts', 'run_at', 'expires_at', 'created_at', 'dispatch', 'spent',
  'crashes' }) do message[name] = tonumber(message[name] or '') end

-- Put everything but the state; the caller moves it into its first one.
local function create()
  redis.call('DEL', JOB, STEPS, ATTEMPTS)
  redis.call('ZADD', JOBS, 0, id)
  job = { revision = 0, step = 0 }
  for _, name in ipairs(MESSAGE) do put(name, message[name]) end
  put('attempt', 0)
  put('spent_all', message.spent)
  put('losses', 0)
  put('number', 0)
  put('redrives', 0)
  put('made_in', epoch)
end

-- The message is newer than the record: believe the message.
local function adopt()
  if job.state == 'failed' then
    put('redrives', (tonumber(redis.call('HGET', JOB, 'redrives')) or 0) + 1)
    put('spent', message.spent)
    put('crashes', message.crashes)
    put('losses', 0)
    put('dead_since', nil)
    put('dead_reason', nil)
    put('finished_at', nil)
    put('error', nil)
    put('public_error', nil)
    put('dispatch', message.dispatch)
    return move('redriven')
  end
  put('dispatch', message.dispatch)
  put('spent_all', job.spent_all + math.max(0, message.spent - job.spent))
  put('spent', math.max(job.spent, message.spent))
  put('crashes', math.max(job.crashes, message.crashes))
end
