-- uses: look
-- ARGV: 4 limit  5, 6 after which created_at and id ('' for the newest)  7 created since
-- 8 created before  9 state  10 type  11 queue  12… labels, as name=value
local MOST_EXAMINED, CHUNK = 1000, 100

-- Within the span of one state, whatever time was asked for.
local function moment_in(text)
  local time = tonumber(text)
  return time and math.max(0, math.min(time, RANK_SPAN))
end

local limit, from, upto = tonumber(ARGV[4]), moment_in(ARGV[7]) or 0, moment_in(ARGV[8]) or RANK_SPAN
local after_at, after_id = moment_in(ARGV[5]), ARGV[6]

-- All that the jobs must be in; `base`: from where its scores count.
local indexes = { { key = JOBS, base = 0 } }
if given(ARGV[9]) then
  indexes[#indexes + 1] = { key = STATES, base = rank(ARGV[9]) * RANK_SPAN }
end
if given(ARGV[10]) then indexes[#indexes + 1] = { key = OF_TYPE .. ARGV[10], base = 0 } end
if given(ARGV[11]) then indexes[#indexes + 1] = { key = OF_QUEUE .. ARGV[11], base = 0 } end
for i = 12, #ARGV do indexes[#indexes + 1] = { key = OF_LABEL .. ARGV[i], base = 0 } end

local function count(index, low, high)
  return redis.call('ZCOUNT', index.key, low, high)
end

local function at(index, time)
  return string.format('%.0f', index.base + time)
end

-- The one with the fewest jobs of that time.
local function most_selective()
  local best, fewest
  for _, index in ipairs(indexes) do
    local jobs = count(index, at(index, from), '(' .. at(index, upto))
    if not fewest or jobs < fewest then best, fewest = index, jobs end
  end
  return best
end

local walked = most_selective()

local function is_in(index, other)
  local score = tonumber(redis.call('ZSCORE', index.key, other) or -1)
  return score >= index.base and score < index.base + RANK_SPAN
end

local function matches(other)
  for _, index in ipairs(indexes) do
    if index ~= walked and not is_in(index, other) then return false end
  end
  return true
end

-- The rank, from the newest, of the first that comes after the last page. Many may have been made
-- in one ms; those are in the order of their ids.
local function first_rank()
  if not after_at then return count(walked, at(walked, upto), '+inf') end
  local moment = at(walked, after_at)
  local low = count(walked, '(' .. moment, '+inf')
  local high = low + count(walked, moment, moment)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if redis.call('ZREVRANGE', walked.key, middle, middle)[1] >= after_id then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

local page, last = {}, nil

-- Look at those of these ranks; return whether to go on.
local function take(rank)
  local found = redis.call('ZREVRANGE', walked.key, rank, rank + CHUNK - 1, 'WITHSCORES')
  for i = 1, #found, 2 do
    local other, created_at = found[i], tonumber(found[i + 1]) - walked.base
    if created_at < from then
      last = nil
      return false
    end
    if matches(other) then
      if #page == limit then return false end
      turn_to(other)
      page[#page + 1] = { id, redis.call('HGETALL', JOB), redis.call('LRANGE', ATTEMPTS, 0, -1) }
    end
    last = { created_at, other }
  end
  if #found == 2 * CHUNK then return true end
  last = nil
  return false
end

local rank, seen = first_rank(), 0
while take(rank) and seen + CHUNK < MOST_EXAMINED do
  rank, seen = rank + CHUNK, seen + CHUNK
end
local stands = redis.call('HMGET', META, 'seq', 'born')
return { current_epoch(), last or {}, page, stands[2] and 1 or 0, tonumber(stands[1] or 0) }
