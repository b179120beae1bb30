-- uses: move describing message forgotten claim_missing
-- ARGV: 23 token  24 worker  25 lease (ms)  26 whether its queue is paused
local SWEEP_MARGIN, PAUSE = 1000, 10000
local MOST_CRASHES, MOST_LOSSES = 2, 10
local token, worker, lease, paused = ARGV[23], ARGV[24], tonumber(ARGV[25]), ARGV[26] == '1'

enter()
load()

local function decide(verdict, event)
  put('verdict_token', token)
  put('verdict', verdict)
  move(event)
  return { verdict }
end

local function bury(verdict, reason, code, words)
  put('verdict_token', token)
  put('verdict', verdict)
  local text = '{"code":"' .. code .. '","message":"' .. words
    .. '","type":"' .. code .. '","retryable":false}'
  give_up(reason, text, text)
  return { verdict, code }
end

-- The job waits and this is its message: may it run now?
local function answer_waiting()
  if job.cancel_requested_at then return decide('cancelled', 'cancelled') end
  local grace = grace_left(job.made_in, lease)
  if grace > 0 then return { 'live', grace } end
  if job.expires_at and job.expires_at <= now and not job.started_at then
    return decide('expired', 'expired')
  end
  if paused then return { 'paused', PAUSE } end
  local due = job.state == 'retrying' and job.retry_at or job.run_at
  if due and due > now then return { 'not_due', due - now } end
  if job.crashes >= MOST_CRASHES then
    return bury('poison', 'poison', 'poison', 'Its process died twice.')
  end
  if job.losses > MOST_LOSSES then
    return bury('poison', 'poison', 'poison', 'Its worker was lost too often.')
  end
  if job.spent >= job.max_attempts then
    return bury('exhausted', 'attempts_exhausted', 'attempts_exhausted', 'No attempt is left.')
  end
  if is_worn_out(0) then
    return bury('exhausted', 'attempts_exhausted', 'too_many_steps', 'It has made 1,000 steps.')
  end
  start(token, worker, lease, 'started')
  return reply('run')
end

if not job.state then
  local answer = answer_missing()
  if answer then return answer end
end
if job.state == 'running' and job.token == token then return reply('run') end
if is_final() and job.verdict_token == token then
  return { job.verdict, job.dead_reason and redis.call('HGET', JOB, 'dead_code') or nil }
end
if is_final() and not (job.dead_reason and message.dispatch > job.dispatch) then
  return { 'final' }
end
if message.dispatch < job.dispatch then
  if in_outbox() then return reply('stale') end
  return { 'stale' }
end
if message.dispatch > job.dispatch then adopt() end
redis.call('ZREM', OUTBOX, id) -- the message in hand is the current one
note_handed()
local answer
if job.state == 'running' then
  local ends = tonumber(redis.call('ZSCORE', LEASES, id) or now)
  answer = { 'live', math.max(0, ends - now) + SWEEP_MARGIN }
else
  answer = answer_waiting()
  if job.state == 'queued' then await(now + answer[2]) end
end
save()
return answer
