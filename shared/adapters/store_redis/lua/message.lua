-- A job as a message or a submit describes it, and how a record is made from it.
-- ARGV: 4-22; in a batch of them, so much further on as AT says.
local AT = 0

local function read_message()
  return { max_attempts = tonumber(ARGV[AT + 9]), run_at = tonumber(ARGV[AT + 12]),
    expires_at = tonumber(ARGV[AT + 13]), created_at = tonumber(ARGV[AT + 16]),
    dispatch = tonumber(ARGV[AT + 17]), spent = tonumber(ARGV[AT + 18]),
    crashes = tonumber(ARGV[AT + 19]) }
end

local message = read_message()

-- Index a new job and get everything but its state ready to be written; the caller moves it into
-- its first one.
local function create()
  local at, unique_key = message.created_at, given(ARGV[AT + 21])
  redis.call('ZADD', JOBS, at, id)
  redis.call('ZADD', OF_TYPE .. ARGV[AT + 4], at, id)
  redis.call('ZADD', OF_QUEUE .. ARGV[AT + 6], at, id)
  if ARGV[AT + 10] ~= '{}' then
    for name, value in pairs(cjson.decode(ARGV[AT + 10])) do
      redis.call('ZADD', OF_LABEL .. name .. '=' .. value, at, id)
    end
  end
  writes = { 'type', ARGV[AT + 4], 'type_version', ARGV[AT + 5], 'queue', ARGV[AT + 6],
    'priority', ARGV[AT + 7], 'payload', ARGV[AT + 8], 'max_attempts', ARGV[AT + 9],
    'labels', ARGV[AT + 10], 'submitted_by', ARGV[AT + 11], 'run_at', message.run_at or '',
    'expires_at', ARGV[AT + 13], 'traceparent', ARGV[AT + 14], 'key_hash', ARGV[AT + 15],
    'created_at', at, 'dispatch', message.dispatch, 'spent', message.spent,
    'crashes', message.crashes, 'attempt', 0, 'spent_all', message.spent, 'losses', 0,
    'number', 0, 'redrives', 0, 'made_in', epoch, 'retention', ARGV[AT + 20] }
  job = { revision = 0, step = 0, dispatch = message.dispatch, attempt = 0, number = 0,
    max_attempts = message.max_attempts, spent = message.spent, spent_all = message.spent,
    crashes = message.crashes, losses = 0, run_at = message.run_at,
    expires_at = message.expires_at, made_in = epoch, queue = ARGV[AT + 6],
    priority = tonumber(ARGV[AT + 7]), created_at = at }
  if unique_key then
    put('unique_key', unique_key)
    hold_unique(unique_key)
  end
  if given(ARGV[AT + 22]) then put('callback_url', ARGV[AT + 22]) end
end

-- The same for one that the store has had, and something of it may be left.
local function recreate()
  redis.call('DEL', JOB, STEPS, ATTEMPTS)
  create()
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
