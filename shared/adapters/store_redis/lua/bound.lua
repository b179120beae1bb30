-- What an Idempotency-Key is bound to.   KEYS: 10 idem
local MARKER = 10000 -- so long a first request counts as under way

-- The answer for a request that comes second, nil where the key is free.
local function answer_bound(IDEM, fingerprint)
  local bound = redis.call('HMGET', IDEM, 'job', 'fingerprint', 'marker_until', 'marker_of')
  if not bound[1] then return end
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
