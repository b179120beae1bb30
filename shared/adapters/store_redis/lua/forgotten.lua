local TOMB_LIFE = 7 * 86400000 -- longer than a message can stay under way

-- Whether retention has deleted the job at hand.
local function is_deleted()
  return redis.call('HEXISTS', TOMB, 'gone') == 1
end

-- Whether a record of that age (ms) may have been forgotten by the store, not deleted.
local function forgotten(recorded_at)
  if recorded_at <= born_at then return true end -- before it, in the same ms
  local windows = redis.call('HGET', META, 'windows') or ''
  for from, to in string.gmatch(windows, '(%d+)-(%d+)') do
    if recorded_at >= tonumber(from) - 600000 and recorded_at <= tonumber(to) then return true end
  end
  return false
end
