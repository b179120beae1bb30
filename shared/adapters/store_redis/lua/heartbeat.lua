-- uses: move describing message forgotten
-- ARGV: 23 token  24 worker  25 lease (ms)
local token, worker, lease = ARGV[23], ARGV[24], tonumber(ARGV[25])

enter()
load()

local function is_waiting()
  return job.state == 'queued' or job.state == 'scheduled' or job.state == 'retrying'
end

local function renewed()
  local verdict = grace_left(job.made_in, lease) > 0 and 'hold' or 'ok'
  if not job.cancel_requested_at then return { verdict, -1, -1 } end
  local left = -1
  if job.cancel_grace then left = math.max(0, job.cancel_requested_at + job.cancel_grace - now) end
  return { verdict, job.cancel_requested_at, left }
end

if job.state == 'running' and job.token == token then
  redis.call('ZADD', LEASES, now + lease, id)
  return renewed()
end

if not job.state then
  if is_deleted() or not forgotten(message.created_at) then return { 'lost', -1, -1 } end
  recreate()
  put('made_in', nil) -- its history is not in this store: it obeys the grace
  local asked_at = redis.call('HGET', TOMB, 'at')
  if asked_at then put('cancel_requested_at', tonumber(asked_at)) end
  redis.call('DEL', TOMB)
  start(token, worker, lease, 'reasserted')
  return renewed()
end

-- The record went back to before this attempt's claim: nobody else can have been let in since.
-- But one whose hand-back overtook this heartbeat is over: nobody is there to run it.
local handed_back = job.settled_token == token
if is_waiting() and not handed_back and message.dispatch >= job.dispatch
  and grace_left(job.made_in, lease) > 0 then
  if message.dispatch > job.dispatch then adopt() end
  start(token, worker, lease, 'started')
  return renewed()
end
return { 'lost', -1, -1 }
