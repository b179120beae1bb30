-- The broker has messages: they are owed no more, and what is queued waits for them.

-- Of a list of jobs and dispatches from ARGV[first] on; returns how many entries were cleared.
local function confirm(first)
  local ids, cleared = {}, {}
  for i = first, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
  if #ids == 0 then return 0 end
  local owed = redis.call('ZMSCORE', OUTBOX, unpack(ids))
  for place, other in ipairs(ids) do
    id = other
    local job = owed[place]
      and redis.call('HMGET', PREFIX .. 'job:' .. id, 'dispatch', 'state', 'queue', 'priority')
    if job and job[1] == ARGV[first + 2 * place - 1] then
      cleared[#cleared + 1] = id
      if job[2] == 'queued' then wait_from(NOW, job[3], tonumber(job[4])) end
    end
  end
  return #cleared > 0 and redis.call('ZREM', OUTBOX, unpack(cleared)) or 0
end
