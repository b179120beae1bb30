-- What an Idempotency-Key is bound to.
local MARKER = 10000 -- so long a first request counts as under way

-- Whether the first request is under way, or one that took over from it, and is another than that.
local function is_marked(bound, asked)
  local marker_until = tonumber(bound[3]) or job.created_at + MARKER
  return marker_until > now and (bound[4] or bound[1]) ~= asked
end

-- What a request hears that comes second, with the job in hand; nil where the key is free.
local function find_bound(IDEM, fingerprint)
  local bound = redis.call('HMGET', IDEM, 'job', 'fingerprint', 'marker_until', 'marker_of')
  if not bound[1] then return end
  local asked = id
  turn_to(bound[1])
  load()
  if job.state then
    if bound[2] ~= fingerprint then return 'mismatch' end
    if not (job.dispatch == 1 and in_outbox()) then return 'replayed' end
    if is_marked(bound, asked) then return 'in_flight' end
    return 'republish'
  end
  redis.call('DEL', IDEM) -- somebody has deleted the job by hand
  turn_to(asked)
end

-- The answer for it; whoever is to publish is under way now.
local function answer_bound(IDEM, fingerprint)
  local asked = id
  local verdict = find_bound(IDEM, fingerprint)
  if verdict == 'replayed' then return reply(verdict) end
  if verdict ~= 'republish' then return verdict and { verdict } end
  redis.call('HSET', IDEM, 'marker_until', now + MARKER, 'marker_of', asked)
  return reply(verdict)
end
