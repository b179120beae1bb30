-- Readers write nothing: they only name the epoch that a writer would stamp now.
local function current_epoch()
  local meta = redis.call('HMGET', META, 'born', 'replid', 'epoch')
  local replid = replication_id()
  if meta[2] == replid then return meta[3] end
  return name_epoch(replid, meta[1] or '')
end
