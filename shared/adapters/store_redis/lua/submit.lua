-- uses: move message
-- ARGV: 20 delay (ms)  21 fingerprint   KEYS: 10 idem, when there is a key
local MARKER = 10000 -- so long a first request counts as under way
local delay, fingerprint, IDEM = tonumber(ARGV[20]), ARGV[21], KEYS[10]

enter()
if redis.call('EXISTS', JOB) == 1 then return reply('accepted') end

if IDEM then
  local bound = redis.call('HMGET', IDEM, 'job', 'fingerprint', 'marker_until', 'marker_of')
  if bound[1] then
    local asked = id
    turn_to(bound[1])
    load()
    if job.state then
      if bound[2] ~= fingerprint then return { 'mismatch' } end
      if not (job.dispatch == 1 and in_outbox()) then return reply('replayed') end
      if tonumber(bound[3]) > now and bound[4] ~= asked then return { 'in_flight' } end
      redis.call('HSET', IDEM, 'marker_until', now + MARKER, 'marker_of', asked)
      return reply('republish')
    end
    turn_to(asked)
  end
  redis.call('HSET', IDEM, 'job', id, 'fingerprint', fingerprint,
    'marker_until', now + MARKER, 'marker_of', id)
end

message.created_at = now
if delay then message.run_at = now + delay end
create()
need_message(now + OUTBOX_PATIENCE)
if message.run_at and message.run_at > now then
  redis.call('ZADD', DUE, message.run_at, id)
  move('postponed')
else
  move('submitted')
end
return { 'written', now, epoch, job.state } -- the rest the caller knows
