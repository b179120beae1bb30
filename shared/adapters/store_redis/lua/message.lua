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

-- ARGV: 4-22, as a record calls them; what it does not say is absent, or this.
local FIELDS = { 'type', 'type_version', 'queue', 'priority', 'payload', 'max_attempts', 'labels',
  'submitted_by', 'run_at', 'expires_at', 'traceparent', 'key_hash', 'created_at', 'dispatch',
  'spent', 'crashes', 'retention', 'unique_key', 'callback_url' }
local UNSAID = { labels = '{}', spent = '0', crashes = '0' }

local function describe()
  local from = AT + 3
  for place = 1, #FIELDS do
    local name, value = FIELDS[place], ARGV[from + place]
    if value ~= '' and value ~= UNSAID[name] then
      writes[written + 1], writes[written + 2] = name, value
      written = written + 2
    end
  end
end

-- Index a new job and get everything but its state ready to be written; the caller moves it into
-- its first one.
local function create()
  local queue, labels, unique_key = ARGV[AT + 6], ARGV[AT + 10], given(ARGV[AT + 21])
  local at, created_at = message.created_at, given(ARGV[AT + 16]) or NOW
  job = { revision = 0, step = 0, dispatch = message.dispatch, attempt = 0, number = 0, handed = 0,
    max_attempts = message.max_attempts, spent = message.spent, spent_all = message.spent,
    crashes = message.crashes, losses = 0, run_at = message.run_at,
    expires_at = message.expires_at, queue = queue, priority = tonumber(ARGV[AT + 7]),
    created_at = at, dispatched_at = at }
  written = 0
  describe()
  put('made_in', epoch)
  if message.spent > 0 then put('spent_all', message.spent) end
  if created_at == NOW then put('created_at', at, NOW) end
  if unique_key then hold_unique(unique_key) end
  enlist(JOBS, created_at, id)
  enlist(OF_TYPE .. ARGV[AT + 4], created_at, id)
  enlist(OF_QUEUE .. queue, created_at, id)
  for name, value in pairs(labels == '{}' and {} or cjson.decode(labels)) do
    enlist(OF_LABEL .. name .. '=' .. value, created_at, id)
  end
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
