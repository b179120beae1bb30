-- The record in hand and the one way to change its state.
local OUTBOX_PATIENCE = 5000 -- a publisher at work confirms within it; then the sweeper publishes

local USUAL_RETENTION, KEY_LIFE = 7 * 86400000, 86400000

local MOST_STEPS = 1000 -- of a job: whoever follows it is sent all of them

local job = {}
local writes, written = {}, 0

-- What a record does not say is 0, or absent; its message was made necessary when it was created.
local function load()
  writes, written = {}, 0
  local v = redis.call('HMGET', JOB, 'state', 'token', 'worker', 'made_in', 'settled_token',
    'settled', 'verdict_token', 'verdict', 'dead_reason', 'public_error', 'revision', 'step',
    'dispatch', 'attempt', 'max_attempts', 'spent', 'spent_all', 'crashes', 'losses', 'handed',
    'number', 'run_at', 'retry_at', 'expires_at', 'started_at', 'attempt_at',
    'cancel_requested_at', 'cancel_grace', 'queue', 'priority', 'dispatched_at', 'created_at',
    'traceparent')
  if not v[1] then
    job = {}
    return
  end
  local created_at = tonumber(v[32])
  job = { state = v[1], token = given(v[2]), worker = v[3], made_in = v[4], settled_token = v[5],
    settled = v[6], verdict_token = v[7], verdict = v[8], dead_reason = given(v[9]),
    public_error = given(v[10]), revision = tonumber(v[11]), step = tonumber(v[12]),
    dispatch = tonumber(v[13]), attempt = tonumber(v[14]) or 0, max_attempts = tonumber(v[15]),
    spent = tonumber(v[16]) or 0, spent_all = tonumber(v[17]) or 0,
    crashes = tonumber(v[18]) or 0, losses = tonumber(v[19]) or 0,
    handed = tonumber(v[20]) or 0, number = tonumber(v[21]) or 0,
    run_at = tonumber(v[22]), retry_at = tonumber(v[23]), expires_at = tonumber(v[24]),
    started_at = tonumber(v[25]), attempt_at = tonumber(v[26]),
    cancel_requested_at = tonumber(v[27]), cancel_grace = tonumber(v[28]), queue = v[29],
    priority = tonumber(v[30]), dispatched_at = tonumber(v[31]) or created_at,
    created_at = created_at, traceparent = given(v[33]) }
end

-- `text`: how it is written, where that is at hand.
local function put(name, value, text)
  job[name] = value
  writes[written + 1] = name
  writes[written + 2] = text or value == nil and '' or value
  written = written + 2
end

local function save()
  if written > 0 then redis.call('HSET', JOB, unpack(writes, 1, written)) end
  writes, written = {}, 0
end

local function is_final()
  return (rank(job.state) or 0) >= FIRST_FINAL
end

local function in_outbox()
  flush()
  return redis.call('ZSCORE', OUTBOX, id) ~= false
end

-- The current message is in hand. It was enqueued when it was made necessary, or due, or later.
local function note_handed()
  local at, due = job.dispatched_at, job.retry_at or job.run_at or 0
  if due <= now then at = math.max(at, due) end
  local name = amqp_queue(job.queue, job.priority)
  if at > tonumber(redis.call('HGET', HANDED, name) or 0) then
    redis.call('HSET', HANDED, name, at)
  end
end

local function await(at)
  wait_from(at, job.queue, job.priority)
end

-- Only what is queued can wait; whoever is about to change that calls this first.
local function leave_waiting()
  if job.state ~= 'queued' then return end
  redis.call('ZREM', WAITING .. amqp_queue(job.queue, job.priority), id)
end

-- The message of the current dispatch must exist: somebody publishes it before `at`, or we do.
local function need_message(at)
  if job.handed > 0 then put('handed', 0) end
  if job.state then put('dispatched_at', now, NOW) end
  leave_waiting()
  enlist(OUTBOX, text(at), id)
end

local function new_dispatch(at)
  put('dispatch', job.dispatch + 1)
  need_message(at)
end

local function leave_indexes()
  redis.call('ZREM', LEASES, id)
  redis.call('ZREM', OUTBOX, id)
  redis.call('ZREM', DUE, id)
end

local function count(state, by)
  if is_counted(state) then redis.call('HINCRBY', COUNTS, state .. ' ' .. job.queue, by) end
end

-- An ended job is kept for so long, and one with an Idempotency-Key as long as that lives.
local function keep(retention, key_hash, keyed_at)
  local kept_until = now + (tonumber(retention) or USUAL_RETENTION)
  keyed_at = tonumber(keyed_at) or given(key_hash) and job.created_at
  if keyed_at then kept_until = math.max(kept_until, keyed_at + KEY_LIFE) end
  redis.call('ZADD', KEPT, kept_until, id)
end

-- The one living job that has this key; a holder stays.
local function hold_unique(key)
  if key then redis.call('SET', UNIQUE .. key, id, 'NX') end
end

-- Which other living job has the key of the one at hand, that has ended.
local function other_holder()
  local key = given(redis.call('HGET', JOB, 'unique_key'))
  return key and redis.call('GET', UNIQUE .. key) or nil
end

local function free_unique(key)
  if redis.call('GET', UNIQUE .. key) == id then redis.call('DEL', UNIQUE .. key) end
end

-- What ends with the job, and what begins.
local function conclude()
  leave_indexes()
  local kept = redis.call('HMGET', JOB, 'unique_key', 'callback_url', 'retention', 'key_hash',
    'keyed_at')
  if given(kept[1]) then free_unique(kept[1]) end
  if given(kept[2]) then redis.call('ZADD', CALLBACKS, now, id .. ' ' .. job.step) end
  if not job.dead_reason then keep(kept[3], kept[4], kept[5]) end
end

-- What a frame says of the trace that its job belongs to; behind the traceparent there may be more.
local function trace_member()
  local parent = job.traceparent and string.match(job.traceparent, '^[%x-]+')
  return parent and ',"traceparent":"' .. parent .. '"' or ''
end

-- Change the state: record, step, event, indexes. `result` is JSON, told but not kept in the step.
local function move(event, result)
  local to = next_state((job.state or '') .. ' ' .. event)
  if not to then error('illegal transition: ' .. (job.state or 'none') .. ' ' .. event) end
  leave_waiting()
  count(job.state, -1)
  count(to, 1)
  put('state', to)
  local step, revision = text(job.step + 1), text(job.revision + 1)
  put('step', job.step + 1, step)
  put('revision', job.revision + 1, revision)
  if rank(to) >= FIRST_FINAL then
    put('finished_at', now, NOW)
    if job.retry_at then put('retry_at', nil) end
    conclude()
  end
  if job.token and to ~= 'running' then put('token', nil) end
  save()
  enlist(STATES, text(rank(to) * RANK_SPAN + job.created_at), id)
  local has_error = job.public_error and (to == 'retrying' or to == 'failed')
  local seq = next_seq()
  local frame = '{"type":"transition","job":"' .. id .. '","epoch":"' .. epoch .. '","seq":' .. seq
    .. ',"revision":' .. revision .. ',"step":' .. step .. ',"state":"' .. to .. '","at":"'
    .. now_rfc3339() .. '","attempt":' .. text(job.attempt)
    .. trace_member() .. (has_error and ',"error":' .. job.public_error .. '}' or '}')
  redis.call('XADD', STEPS, step .. '-0', 'state', to, 'at', NOW, 'frame', frame)
  note_step(seq, step)
  if result then frame = string.sub(frame, 1, -2) .. ',"result":' .. result .. '}' end
  announce('t', seq, revision, step, frame)
end

-- An attempt begins: number = attempts used over all lives + 1.
local function start(token, worker, lease, event)
  put('attempt', job.spent_all + 1)
  put('token', token)
  put('worker', worker)
  put('attempt_at', now, NOW)
  if not job.started_at then
    put('started_at', now, NOW)
  else -- what an attempt has left says nothing about this one
    put('number', 0)
    put('retry_at', nil)
    put('error', nil)
    put('public_error', nil)
    put('progress', nil)
  end
  enlist(LEASES, text(now + lease), id)
  redis.call('ZREM', OUTBOX, id)
  redis.call('ZREM', DUE, id)
  move(event)
end

local function dead_member(since)
  return string.format('%013d', since) .. ' ' .. id
end

-- It becomes a dead letter: it waits for somebody to act. `error` and `public` are JSON.
local function mark_dead(reason, error, public)
  put('error', error)
  put('public_error', public)
  put('dead_since', now)
  put('dead_reason', reason)
  local readable, told = pcall(cjson.decode, error)
  put('dead_code', readable and type(told) == 'table' and type(told.code) == 'string' and told.code
    or nil)
  redis.call('ZADD', DEAD, 0, dead_member(now))
  redis.call('HINCRBY', DEAD_REASONS, reason, 1)
end

local function unmark_dead()
  redis.call('ZREM', DEAD, dead_member(tonumber(redis.call('HGET', JOB, 'dead_since'))))
  redis.call('HINCRBY', DEAD_REASONS, job.dead_reason, -1)
  put('dead_since', nil)
  put('dead_reason', nil)
  put('dead_code', nil)
end

-- No attempt follows.
local function give_up(reason, error, public)
  mark_dead(reason, error, public)
  move('gave_up')
end

-- Whether too few steps are left for an attempt, its retry and the end; or for `more` beside them.
local function is_worn_out(more)
  return job.step + 4 + more > MOST_STEPS
end

local function reply(verdict, number)
  return { verdict, number or 0, epoch, redis.call('HGETALL', JOB),
    redis.call('LRANGE', ATTEMPTS, 0, -1), id }
end
