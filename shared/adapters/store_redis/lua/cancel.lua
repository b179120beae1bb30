-- uses: move forgotten
-- ARGV: 4 reason  5 grace (ms)  6 whether only an unconfirmed one
local reason, grace, only_unconfirmed = given(ARGV[4]), tonumber(ARGV[5]), ARGV[6] == '1'

enter()
load()

-- When a UUIDv7 was made (ms), nil for any other id.
local function made_at()
  local high, low = string.match(id, '^(%x%x%x%x%x%x%x%x)%-(%x%x%x%x)%-7')
  return high and tonumber(high .. low, 16)
end

if not job.state then
  local made = made_at()
  if only_unconfirmed or is_deleted() or not made or not forgotten(made) then
    return { 'not_found' }
  end
  redis.call('HSET', TOMB, 'at', now, 'reason', reason or '')
  redis.call('PEXPIRE', TOMB, TOMB_LIFE)
  return { 'tombstoned' }
end
if job.state == 'cancelled' then return reply('cancelled') end
if is_final() then return reply('already_final') end
if only_unconfirmed and not (job.dispatch == 1 and in_outbox()) then return reply('kept') end
if not job.cancel_requested_at then
  put('cancel_requested_at', now)
  put('cancel_grace', grace)
  put('cancel_reason', reason)
end
if job.state ~= 'running' then
  move('cancelled')
  return reply('cancelled', 1)
end
if #writes > 0 then put('revision', job.revision + 1) end
save()
redis.call('PUBLISH', 'wm:worker:' .. job.worker, id)
return reply('requested')
