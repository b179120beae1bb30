-- uses: move describing message forgotten
-- ARGV: 23 whether the broker gave the message up (not a worker)
local given_up_by_broker = ARGV[23] == '1'
local SWEEP_MARGIN = 1000
local GONE = '{"code":"delivery_limit","message":"The broker delivered its message too often.",'
  .. '"type":"DeliveryLimit","retryable":false}'
local UNKNOWN = '{"code":"rejected","message":"A worker gave it up; the details are lost.",'
  .. '"type":"Rejected","retryable":false}'

enter()
load()

local function answer_missing()
  if is_deleted() or not forgotten(message.created_at) then return { 'ack' } end
  local asked_at = redis.call('HGET', TOMB, 'at')
  local grace = grace_left(nil, lease_ms)
  if grace > 0 and given_up_by_broker and not asked_at then return { 'copy', grace } end
  recreate()
  move('rebuilt')
  if asked_at then
    redis.call('DEL', TOMB)
    put('cancel_requested_at', tonumber(asked_at))
    move('cancelled')
    return { 'ack', 'cancelled' }
  end
  if given_up_by_broker then return nil end
  give_up('not_retryable', UNKNOWN, UNKNOWN)
  return { 'ack', 'rejected' }
end

-- It waits, and the broker has just given up its only message.
local function answer_waiting()
  if given_up_by_broker and (job.spent >= job.max_attempts or job.crashes >= 2) then
    give_up('delivery_limit', GONE, GONE)
    return { 'ack', 'delivery_limit' }
  end
  new_dispatch(now + OUTBOX_PATIENCE)
  save()
  local at = job.state == 'retrying' and job.retry_at or job.run_at
  if at and at > now then return reply('publish_later', at - now) end
  return reply('publish')
end

if not job.state then
  local answer = answer_missing()
  if answer then return answer end
end
if is_final() then return { 'ack' } end
if message.dispatch < job.dispatch then
  if not in_outbox() then return { 'ack' } end
  local at = job.state == 'retrying' and job.retry_at or job.run_at
  if at and at > now then return reply('publish_later', at - now) end
  return reply('publish')
end
if message.dispatch > job.dispatch then adopt() end
if job.state ~= 'running' then return answer_waiting() end
save()
redis.call('ZREM', OUTBOX, id)
local ends = tonumber(redis.call('ZSCORE', LEASES, id) or now)
return { 'copy', math.max(0, ends - now) + SWEEP_MARGIN }
