-- Which dead letters a caller means, and a bounded walk through their index.
local MOST_EXAMINED, CHUNK = 1000, 100

local function filter_of(kind, reason, code, older, newer)
  return { type = given(kind), reason = given(reason), code = given(code),
    older = tonumber(older), newer = tonumber(newer) }
end

local function since_word(ms)
  return string.format('%013d', ms)
end

local function job_in(member)
  return string.sub(member, 15)
end

local function matches(other, filter)
  if not (filter.type or filter.reason or filter.code) then return true end
  local v = redis.call('HMGET', PREFIX .. 'job:' .. other, 'type', 'dead_reason', 'dead_code')
  return (not filter.type or v[1] == filter.type) and (not filter.reason or v[2] == filter.reason)
    and (not filter.code or v[3] == filter.code)
end

-- Hand letters to `take`, newest first, `wanted` at most; return the last one looked at when
-- there may be more.
local function newest_first(filter, before, wanted, take)
  local from = filter.newer and '[' .. since_word(now - filter.newer) or '-'
  local to = filter.older and '(' .. since_word(now - filter.older + 1) or '+'
  if before then to = '(' .. before end
  local seen, taken, last = 0, 0, nil
  repeat
    local found = redis.call('ZREVRANGEBYLEX', DEAD, to, from, 'LIMIT', 0, CHUNK)
    for _, member in ipairs(found) do
      if matches(job_in(member), filter) then
        if taken == wanted then return last end
        taken = taken + 1
        take(job_in(member))
      end
      seen, last = seen + 1, member
    end
    if #found < CHUNK then return nil end
    to = '(' .. last
  until seen >= MOST_EXAMINED
  return last
end
