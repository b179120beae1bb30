-- uses: forgotten
-- ARGV: 4 limit
local YOUNG = 660000 -- a later change of epoch may take what is younger for forgotten
local CALLBACK_PATIENCE = 60000

enter()

local function unbind(key_hash)
  local idem = PREFIX .. 'idem:' .. key_hash
  if redis.call('HGET', idem, 'job') == id then redis.call('DEL', idem) end
end

local function delete(created_at, kind, queue, labels, key_hashes)
  if forgotten(created_at) or created_at > now - YOUNG then
    local tomb = PREFIX .. 'tomb:' .. id
    redis.call('HSET', tomb, 'gone', now)
    redis.call('PEXPIRE', tomb, TOMB_LIFE)
  end
  redis.call('ZREM', JOBS, id)
  redis.call('ZREM', STATES, id)
  redis.call('ZREM', OF_TYPE .. kind, id)
  redis.call('ZREM', OF_QUEUE .. queue, id)
  for name, value in pairs(given(labels) and cjson.decode(labels) or {}) do
    redis.call('ZREM', OF_LABEL .. name .. '=' .. value, id)
  end
  for key_hash in string.gmatch(key_hashes, '%S+') do unbind(key_hash) end
  redis.call('DEL', JOB, STEPS, ATTEMPTS)
end

local deleted, due = {}, redis.call('ZRANGEBYSCORE', KEPT, '-inf', now, 'LIMIT', 0, ARGV[4])
for _, other in ipairs(due) do
  turn_to(other)
  local job = redis.call('HMGET', JOB, 'state', 'dead_reason', 'step', 'created_at', 'type',
    'queue', 'labels', 'key_hash', 'also_keys')
  if job[1] and redis.call('ZSCORE', CALLBACKS, id .. ' ' .. job[3]) then
    redis.call('ZADD', KEPT, now + CALLBACK_PATIENCE, id) -- its end has not been told
  else
    redis.call('ZREM', KEPT, id)
    if job[1] and rank(job[1]) >= FIRST_FINAL and not given(job[2]) then
      local key_hashes = (job[8] or '') .. ' ' .. (job[9] or '')
      delete(tonumber(job[4]), job[5], job[6], job[7], key_hashes)
      deleted[#deleted + 1] = id
    end
  end
end
return { deleted, #due >= tonumber(ARGV[4]) and 1 or 0 }
