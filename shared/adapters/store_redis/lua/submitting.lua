-- How a job comes in. Said beside what describes it: 23 delay (ms)  24 the key's fingerprint
-- 25 on_conflict  26 quota
local function idem_key()
  local hash = given(said[15])
  return hash and PREFIX .. 'idem:' .. hash
end

-- How many live jobs the tenant has: counted once, and then with those that come.
local live

local function is_over_quota(more)
  local quota = tonumber(said[26])
  if not quota then return false end
  if not live then
    flush()
    live = redis.call('ZCOUNT', STATES, '-inf', '(' .. FIRST_FINAL * RANK_SPAN)
  end
  return live + more >= quota
end

local function unique_holder()
  local key = given(said[21])
  local holder = key and redis.call('GET', UNIQUE .. key)
  if not holder or redis.call('EXISTS', PREFIX .. 'job:' .. holder) == 1 then return holder end
  redis.call('DEL', UNIQUE .. key) -- somebody has deleted the holder by hand
end

-- The key of whoever is answered with a job that others asked for is bound to that one: a repeat
-- after its end must not make a second. Beyond a hundred keys a job they are not.
local MOST_ALSO = 6500 -- characters

local function bind_also(asked)
  local IDEM, also = idem_key(), redis.call('HGET', JOB, 'also_keys') or ''
  if not IDEM or #also >= MOST_ALSO then return end
  redis.call('HSET', IDEM, 'job', id, 'fingerprint', said[24], 'marker_until', 0,
    'marker_of', asked)
  redis.call('HSET', JOB, 'also_keys', also .. said[15] .. ' ', 'keyed_at', now)
end

local function answer_holder(holder)
  if said[25] == 'reject' then return { 'taken', holder } end
  local asked = id
  turn_to(holder)
  load()
  if job.dispatch == 1 and in_outbox() then return reply('duplicate', 1) end
  bind_also(asked)
  return reply('duplicate', 0)
end

-- Answer a submit that needs no new job, or may have none; nil where it is free to come.
local function answer_known()
  if redis.call('EXISTS', JOB) == 1 then return reply('accepted') end
  local IDEM = idem_key()
  local answer = IDEM and answer_bound(IDEM, said[24])
  if answer then return answer end
  local holder = unique_holder()
  if holder then return answer_holder(holder) end
  if is_over_quota(0) then return { 'over_quota' } end
end

local function write_new()
  local delay, IDEM = tonumber(said[23]), idem_key()
  if IDEM then
    redis.call('HSET', IDEM, 'job', id, 'fingerprint', said[24])
  end
  local run_at = delay and now + delay or tonumber(said[12])
  create(now, run_at)
  if live then live = live + 1 end
  need_message(now + OUTBOX_PATIENCE)
  if run_at and run_at > now then
    enlist(DUE, text(run_at), id)
    move('postponed')
  else
    move('submitted')
  end
end
