-- A job as a message or a submit describes it, and how a record is made from it.
-- ARGV: 4-19.
local message = { max_attempts = tonumber(ARGV[9]), run_at = tonumber(ARGV[12]),
  expires_at = tonumber(ARGV[13]), created_at = tonumber(ARGV[16]), dispatch = tonumber(ARGV[17]),
  spent = tonumber(ARGV[18]), crashes = tonumber(ARGV[19]) }

-- Write everything but the state; the caller moves it into its first one.
local function create()
  redis.call('DEL', JOB, STEPS, ATTEMPTS)
  redis.call('ZADD', JOBS, 0, id)
  redis.call('HSET', JOB, 'type', ARGV[4], 'type_version', ARGV[5], 'queue', ARGV[6],
    'priority', ARGV[7], 'payload', ARGV[8], 'max_attempts', ARGV[9], 'labels', ARGV[10],
    'submitted_by', ARGV[11], 'run_at', message.run_at or '', 'expires_at', ARGV[13],
    'traceparent', ARGV[14], 'key_hash', ARGV[15], 'created_at', message.created_at,
    'dispatch', message.dispatch, 'spent', message.spent, 'crashes', message.crashes,
    'attempt', 0, 'spent_all', message.spent, 'losses', 0, 'number', 0, 'redrives', 0,
    'made_in', epoch)
  writes = {}
  job = { revision = 0, step = 0, dispatch = message.dispatch, attempt = 0, number = 0,
    max_attempts = message.max_attempts, spent = message.spent, spent_all = message.spent,
    crashes = message.crashes, losses = 0, run_at = message.run_at,
    expires_at = message.expires_at, made_in = epoch, queue = ARGV[6],
    priority = tonumber(ARGV[7]) }
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
    return move('redriven')
  end
  put('dispatch', message.dispatch)
  put('spent_all', job.spent_all + math.max(0, message.spent - job.spent))
  put('spent', math.max(job.spent, message.spent))
  put('crashes', math.max(job.crashes, message.crashes))
end
