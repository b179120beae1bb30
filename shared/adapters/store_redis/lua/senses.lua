-- What a script knows of the world outside the tenant's keys: the time (ms) and which history of
-- the server this is. Tests put another text in this one's place and hold both.
local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function replication_id()
  local info = redis.call('INFO', 'replication')
  local from = string.find(info, 'master_replid:', 1, true) + 14
  return string.sub(info, from, from + 39)
end

