-- uses: look
-- ARGV: 4, 5 the epoch and seq of a cursor (seq '': none)  6 limit
local MOST_TEXT = 2 ^ 20 -- bytes of frames and results: a page ends there

local stands = redis.call('HMGET', META, 'seq', 'born', 'changed_at')
local here, seq = stands[2] and current_epoch() or '', tonumber(stands[1] or 0)
local cursor_epoch, after = ARGV[4], tonumber(ARGV[5])

-- Who read an empty tenant has missed all there is, as long as that is of one epoch.
local function is_of_this_epoch()
  return cursor_epoch == here or cursor_epoch == '' and after == 0 and not stands[3]
end

-- The seq, job and step of an entry.
local function parts(entry)
  return tonumber(string.match(entry[1], '^%d+')), entry[2][1], entry[2][2]
end

-- Whether all that came after the cursor is still there.
local function reaches_back()
  local oldest = redis.call('XRANGE', FEED, '-', '+', 'COUNT', 1)[1]
  return after == seq or oldest and parts(oldest) <= after + 1
end

local function find_loss()
  if not is_of_this_epoch() then return 'epoch_changed' end
  if after > seq then return 'ahead' end
  if not reaches_back() then return 'history_trimmed' end
end

local page, size = {}, 0

-- Add what happened at an entry; false when that is deleted.
local function take(entry)
  local at, other, step = parts(entry)
  turn_to(other)
  local stored = redis.call('XRANGE', STEPS, step .. '-0', step .. '-0')[1]
  if not stored then return false end
  local last = redis.call('HMGET', JOB, 'step', 'result')
  local result = last[1] == step and last[2] or ''
  page[#page + 1] = { at, other, stored, result }
  size = size + #stored[2][6] + #result
  return true
end

local function read_on()
  local limit = tonumber(ARGV[6])
  local found = redis.call('XRANGE', FEED, '(' .. after .. '-0', '+', 'COUNT', limit)
  for number, entry in ipairs(found) do
    if not take(entry) then return { here, seq, 'history_trimmed', {}, 0 } end
    if size >= MOST_TEXT and number < #found then return { here, seq, '', page, 1 } end
  end
  return { here, seq, '', page, #found == limit and 1 or 0 }
end

if not after then return { here, seq, '', {}, 0 } end
local loss = find_loss()
if loss then return { here, seq, loss, {}, 0 } end
return read_on()
