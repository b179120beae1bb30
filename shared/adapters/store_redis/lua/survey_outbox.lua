-- How many messages must exist and are not confirmed, and for how long the eldest has not been.
-- Of very many the first and the last are asked: those that are seen to next, and those seen to
-- most often.
local SOME = 100
local entries, eldest = redis.call('ZCARD', OUTBOX), nil
local function ask(first, last)
  for _, other in ipairs(redis.call('ZRANGE', OUTBOX, first, last)) do
    turn_to(other)
    local said = redis.call('HMGET', JOB, 'dispatched_at', 'created_at')
    local at = tonumber(said[1]) or tonumber(said[2])
    if at and at < (eldest or math.huge) then eldest = at end
  end
end
ask(0, SOME - 1)
if entries > SOME then ask(math.max(SOME, entries - SOME), -1) end
return { entries, eldest and math.max(0, now - eldest) or -1 }
