-- uses: gathering
-- ARGV: 4… job, dispatch
local function confirm_all()
  local ids, cleared = {}, {}
  for i = 4, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
  if #ids == 0 then return 0 end
  local owed = redis.call('ZMSCORE', OUTBOX, unpack(ids))
  for place, other in ipairs(ids) do
    id = other
    local job = owed[place]
      and redis.call('HMGET', PREFIX .. 'job:' .. id, 'dispatch', 'state', 'queue', 'priority')
    if job and job[1] == ARGV[3 + 2 * place] then
      cleared[#cleared + 1] = id
      if job[2] == 'queued' then wait_from(NOW, job[3], tonumber(job[4])) end
    end
  end
  return #cleared > 0 and redis.call('ZREM', OUTBOX, unpack(cleared)) or 0
end

return in_one_go(confirm_all)
