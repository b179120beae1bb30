-- uses: move message bound
-- ARGV: 20 delay (ms)  21 fingerprint   KEYS: 10 idem, when there is a key
local delay, fingerprint, IDEM = tonumber(ARGV[20]), ARGV[21], KEYS[10]

enter()
if redis.call('EXISTS', JOB) == 1 then return reply('accepted') end

if IDEM then
  local answer = answer_bound(IDEM, fingerprint)
  if answer then return answer end
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
