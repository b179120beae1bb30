-- Every script begins with this: what time it is, which epoch, and which job it is about.
-- KEYS: 1 meta  2 outbox  3 leases  4 due  5 jobs  6 job  7 steps  8 attempts  9 tomb  10 idem
-- ARGV: 1 the tenant's key prefix  2 a random mark, used when the tenant is born  3 job id  4 …
-- Absent values are '' on the wire and in hashes, nil in Lua. JSON of users is never decoded.
local META, OUTBOX, LEASES, DUE, JOBS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local JOB, STEPS, ATTEMPTS, TOMB, id = KEYS[6], KEYS[7], KEYS[8], KEYS[9], ARGV[3]
local PREFIX, MARK = ARGV[1], ARGV[2]

-- By AMQP queue: what the overdue rule counts from.
local HANDED, WAITING = PREFIX .. 'handed', PREFIX .. 'waiting:'

-- "<state> <queue>": how many jobs. What is queued has its own index, `waiting`.
local COUNTS = PREFIX .. 'counts'
local function is_counted(state)
  return state == 'scheduled' or state == 'running' or state == 'retrying'
end

-- Members "<since, 13 digits> <job>" with score 0, and how many there are by reason.
local DEAD, DEAD_REASONS = PREFIX .. 'dead', PREFIX .. 'dead_reasons'

-- Score: the rank of the state * RANK_SPAN + created_at.
local STATES, RANK_SPAN = PREFIX .. 'states', 2 ^ 42 -- ms, until the year 2109

-- The channel of the tenant's watchers.
local EVENTS = PREFIX .. 'events'

-- The tenant's last transitions. An entry has the seq of its first as its id, and says
-- "<job> <step>" of each, divided by blanks; their seqs have no holes. So many entries are kept.
local FEED, FEED_LENGTH = PREFIX .. 'feed', '10000'

-- Until when ended jobs are kept.
local KEPT = PREFIX .. 'kept'

-- What listing walks, by what all the jobs in it have in common; score: created_at.
local OF_TYPE, OF_QUEUE, OF_LABEL = PREFIX .. 'type:', PREFIX .. 'queue:', PREFIX .. 'label:'

-- Which living job has a key; members "<job> <step>", scored by when to look.
local UNIQUE, CALLBACKS = PREFIX .. 'unique:', PREFIX .. 'callbacks'

local now = clock()
local NOW = string.format('%d', now)
local epoch, born_at, changed_at, lease_ms, last_tick

-- Whole numbers as text: Lua and Redis print them as fractions, which takes them a microsecond.
local function text(number)
  return string.format('%d', number)
end

local function given(value)
  if value and value ~= '' then return value end
end

-- As topology.work_queue says.
local function amqp_queue(queue, priority)
  local class = priority >= 7 and '.high' or priority >= 4 and '' or '.low'
  return 'waymark.' .. queue .. class
end

-- Put a job into an index. A batch does otherwise: see `gathering`.
local function enlist(index, score, member)
  redis.call('ZADD', index, score, member)
end

-- The number of the tenant's next event.
local function next_seq()
  return redis.call('HINCRBY', META, 'seq', 1)
end

local function feed(first, told)
  redis.call('XADD', FEED, 'MAXLEN', '~', FEED_LENGTH, first .. '-0', 't', told)
end

-- That a job has made a step, for who follows the tenant.
local function note_step(seq, step)
  feed(seq, id .. ' ' .. step)
end

-- Before an index is read: what a batch has gathered is in it.
local function flush() end

-- That there is such a queue: the overdue rule asks for it.
local function know_queue(name)
  redis.call('HSETNX', HANDED, name, '0')
end

-- Queued, and no longer in the outbox: from `at` on its message should be in its AMQP queue.
-- The overdue rule counts from then.
local function wait_from(at, queue, priority)
  local name = amqp_queue(queue, priority)
  know_queue(name)
  enlist(WAITING .. name, at, id)
end

-- Which job the rest is about: scripts that sweep go from one to the next.
local function turn_to(other)
  id = other
  JOB, STEPS, ATTEMPTS = PREFIX .. 'job:' .. id, PREFIX .. 'steps:' .. id, PREFIX .. 'attempts:' .. id
end

local function name_epoch(replid, born)
  return string.sub(redis.sha1hex(replid .. born), 1, 8)
end

-- The writes after the last tick that the store still knows may be forgotten: keep that window.
local function note_change(replid, born, windows)
  epoch = name_epoch(replid, born)
  local window = (last_tick or changed_at or born_at) .. '-' .. now
  windows = windows == '' and window or windows .. ' ' .. window
  if #windows > 900 then windows = string.match(string.sub(windows, -900), ' (.*)') end
  changed_at = now
  redis.call('HSET', META, 'replid', replid, 'epoch', epoch, 'changed_at', NOW, 'windows', windows)
end

-- Learn the epoch; give birth to the tenant, or note that the store's history has changed.
local function enter()
  local meta = redis.call('HMGET', META, 'born', 'born_at', 'replid', 'epoch', 'changed_at',
    'lease', 'tick')
  local replid = replication_id()
  epoch, lease_ms = meta[4], tonumber(meta[6]) or 15000
  changed_at, last_tick = tonumber(meta[5]), tonumber(meta[7])
  born_at = tonumber(meta[2]) or now
  if not meta[1] then
    epoch = name_epoch(replid, MARK)
    redis.call('HSET', META, 'born', MARK, 'born_at', now, 'replid', replid, 'epoch', epoch)
    redis.call('DEL', FEED)
  elseif meta[3] ~= replid then
    note_change(replid, meta[1], redis.call('HGET', META, 'windows') or '')
  end
end

-- For how long a record that is not of this epoch may still be run by somebody unheard of.
local function grace_left(made_in, lease)
  if made_in == epoch then return 0 end
  return math.max(0, math.max(born_at, changed_at or 0) + lease - now)
end

local function rfc3339(ms)
  local floor = math.floor
  local days = floor(ms / 86400000)
  local rest, z = ms - days * 86400000, days + 719468
  local era = floor(z / 146097)
  local doe = z - era * 146097
  local yoe = floor((doe - floor(doe / 1460) + floor(doe / 36524) - floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + floor(yoe / 4) - floor(yoe / 100))
  local mp = floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ',
    yoe + era * 400 + (month <= 2 and 1 or 0), month, doy - floor((153 * mp + 2) / 5) + 1,
    floor(rest / 3600000), floor(rest / 60000) % 60, floor(rest / 1000) % 60, rest % 1000)
end

local moment_of_now

local function now_rfc3339()
  moment_of_now = moment_of_now or rfc3339(now)
  return moment_of_now
end

-- Tell the watchers: kind 't' (transition) or 'p' (progress).
local function announce(kind, seq, revision, step, frame)
  redis.call('SPUBLISH', EVENTS, epoch .. ' ' .. seq .. ' ' .. id .. ' ' .. revision .. ' ' .. step
    .. ' ' .. kind .. ' ' .. frame)
end

-- Write an attempt's progress into the record and tell the watchers; return its revision.
local function tell_progress(progress, number, revision, step)
  local body = string.match(progress, '^(.*)}%s*$')
  local comma = string.find(body, ':', 1, true) and ',' or ''
  local told = body .. comma .. '"updated_at":"' .. now_rfc3339() .. '"}'
  local seq, told_as, at_step = next_seq(), text(revision + 1), text(step)
  redis.call('HSET', JOB, 'revision', told_as, 'progress', told, 'number', text(number))
  announce('p', seq, told_as, at_step, '{"type":"progress","job":"' .. id .. '","epoch":"' .. epoch
    .. '","seq":' .. seq .. ',"revision":' .. told_as .. ',"step":' .. at_step .. ',"progress":'
    .. told .. '}')
  return revision + 1
end
