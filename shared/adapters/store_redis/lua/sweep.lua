-- uses: move attempt
-- ARGV: 4 limit
local GAP = 3000
local LOST = '{"code":"worker_lost","message":"Its worker stopped renewing the lease.",'
  .. '"type":"WorkerLost","retryable":true}'
local LONGEST_PATIENCE = 60000
local limit = tonumber(ARGV[4])

enter()
local function batch(key)
  return redis.call('ZRANGEBYSCORE', key, '-inf', now, 'LIMIT', 0, limit)
end

-- After an outage, or a change of epoch, nobody has had a chance to renew: take nothing.
local function is_held()
  local hold = tonumber(redis.call('HGET', META, 'hold_until')) or 0
  return now < hold or now - (last_tick or born_at) > GAP
    or (changed_at ~= nil and now < changed_at + lease_ms)
end

local moved = {}

local function note_move(event)
  local said = redis.call('HMGET', JOB, 'type', 'submitted_by')
  moved[#moved + 1] = { id, event, said[1], job.queue, job.attempt, said[2] or '',
    job.traceparent or '' }
end

local function take_lost()
  if is_held() then return 0, 0 end
  local taken, found = 0, batch(LEASES)
  for _, other in ipairs(found) do
    turn_to(other)
    load()
    redis.call('ZREM', LEASES, id)
    if job.state == 'running' then
      file_attempt('worker_lost', LOST)
      put('losses', job.losses + 1)
      new_dispatch(now)
      move('lost')
      note_move('lost')
      taken = taken + 1
    end
  end
  return taken, #found
end

local function make_due()
  local made, found = 0, batch(DUE)
  for _, other in ipairs(found) do
    turn_to(other)
    load()
    redis.call('ZREM', DUE, id)
    if job.state == 'scheduled' and job.expires_at and job.expires_at <= now then
      move('expired')
      note_move('expired')
    elseif job.state == 'scheduled' or job.state == 'retrying' then
      local due_at = job.state == 'retrying' and job.retry_at or job.run_at
      move('due')
      note_move('due')
      if not in_outbox() then await(due_at) end
      made = made + 1
    end
  end
  return made, #found
end

local function hand_out()
  local messages, found = {}, batch(OUTBOX)
  for _, other in ipairs(found) do
    turn_to(other)
    load()
    if not job.state or is_final() or job.state == 'running' then
      redis.call('ZREM', OUTBOX, id)
    else
      local at = job.state == 'retrying' and job.retry_at or job.run_at
      local patience = math.min(LONGEST_PATIENCE, OUTBOX_PATIENCE * 2 ^ job.handed)
      put('handed', job.handed + 1)
      save()
      redis.call('ZADD', OUTBOX, now + patience, id)
      messages[#messages + 1] = { math.max(0, (at or 0) - now), id, redis.call('HGETALL', JOB) }
    end
  end
  return messages, #found
end

local lost, seen_leases = take_lost()
local due, seen_due = make_due()
local messages, seen_outbox = hand_out()
local more = math.max(seen_leases, seen_due, seen_outbox) >= limit
return { epoch, lost, due, more and 1 or 0, messages, moved }
