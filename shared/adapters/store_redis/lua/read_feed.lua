-- uses: look
-- ARGV: 4, 5 the epoch and seq of a cursor (seq '': none)  6 limit
local MOST_TEXT = 2 ^ 18 -- bytes of frames and results: a page ends there

local stands = redis.call('HMGET', META, 'seq', 'born', 'changed_at', 'epoch')
local here, seq = stands[2] and current_epoch() or '', tonumber(stands[1] or 0)
local cursor_epoch, after = ARGV[4], tonumber(ARGV[5])

-- Who read an empty tenant has missed all there is, as long as that is of one epoch.
local function is_of_this_epoch()
  if cursor_epoch == here then return true end
  return cursor_epoch == '' and after == 0 and not stands[3] and stands[4] == here
end

local function first_of(entry)
  return tonumber(string.match(entry[1], '^%d+'))
end

-- Whether all that came after the cursor is still there.
local function reaches_back()
  local oldest = redis.call('XRANGE', FEED, '-', '+', 'COUNT', 1)[1]
  return after == seq or oldest and first_of(oldest) <= after + 1
end

local function find_loss()
  if not is_of_this_epoch() then return 'epoch_changed' end
  if after > seq then return 'ahead' end
  if not reaches_back() then return 'history_trimmed' end
end

local page, size, limit = {}, 0, tonumber(ARGV[6])

-- Add a step; false when its job is deleted.
local function take(at, other, step)
  turn_to(other)
  local stored = redis.call('XRANGE', STEPS, step .. '-0', step .. '-0')[1]
  if not stored then return false end
  local last = redis.call('HMGET', JOB, 'step', 'result')
  local result = last[1] == step and last[2] or ''
  page[#page + 1] = { at, other, stored, result }
  size = size + #stored[2][6] + #result
  return true
end

local function is_full()
  return #page >= limit or size >= MOST_TEXT
end

-- Add the steps of an entry that come after the cursor; what breaks it off, if anything does.
local function take_all(entry)
  local at = first_of(entry)
  for other, step in string.gmatch(entry[2][2], '(%S+) (%S+)') do
    if at > after then
      if is_full() then return 'full' end
      if not take(at, other, step) then return 'history_trimmed' end
    end
    at = at + 1
  end
end

-- The entry that the cursor lies in or before, those that fill a page, and one more.
local function entries()
  local before = redis.call('XREVRANGE', FEED, after .. '-0', '-', 'COUNT', 1)[1]
  return redis.call('XRANGE', FEED, before and before[1] or '-', '+', 'COUNT', limit + 2)
end

local function read_on()
  for _, entry in ipairs(entries()) do
    local end_of_page = take_all(entry)
    if end_of_page == 'full' then return { here, seq, '', page, 1 } end
    if end_of_page then return { here, seq, end_of_page, {}, 0 } end
  end
  return { here, seq, '', page, 0 }
end

if not after then return { here, seq, '', {}, 0 } end
local loss = find_loss()
if loss then return { here, seq, loss, {}, 0 } end
return read_on()
