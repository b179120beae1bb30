-- uses: move letters redriving campaign
-- ARGV: 4 campaign  5 turn  6 most
local turn, most = ARGV[5], tonumber(ARGV[6])
local SECOND = 1000000

enter()
local it = load_campaign()
local acted = {}

-- Whether the job at hand is a dead letter, and has been one since before the start.
local function was_meant(other)
  turn_to(other)
  load()
  return job.dead_reason ~= nil
    and tonumber(redis.call('HGET', JOB, 'dead_since')) <= it.created_at
end

local function act()
  if it.action == 'redrive' and cannot_redrive() then
    it.skipped = it.skipped + 1
    return
  end
  if it.action == 'redrive' then
    redrive_job(ARGV[4])
    acted[#acted + 1] = id
  else
    discard_job(it.by, it.why)
  end
  it.done = it.done + 1
end

-- Both answer how many turns of the rate they used, and whether nothing is left.
local function next_ids(wanted)
  local at = tonumber(it.cursor or 0)
  local found = redis.call('LRANGE', IDS, at, at + wanted - 1)
  for _, other in ipairs(found) do
    if was_meant(other) then
      act()
    elseif job.state then
      it.skipped = it.skipped + 1
    else
      it.failed = it.failed + 1
    end
  end
  it.cursor = at + #found
  return #found, it.cursor >= redis.call('LLEN', IDS)
end

local function next_matching(wanted)
  local filter = filter_of(unpack(it.wishes))
  local from = filter.newer and '[' .. since_word(it.created_at - filter.newer) or '-'
  local to = '(' .. since_word(it.created_at - (filter.older or 0) + 1)
  local seen, used = 0, 0
  repeat
    local found = redis.call('ZRANGEBYLEX', DEAD, it.cursor and '(' .. it.cursor or from, to,
      'LIMIT', 0, CHUNK)
    for _, member in ipairs(found) do
      seen, it.cursor = seen + 1, member
      if matches(job_in(member), filter) then
        if was_meant(job_in(member)) then act() else it.failed = it.failed + 1 end
        used = used + 1
        if used == wanted then return used, false end
      end
    end
    if #found < CHUNK then return used, true end
  until seen >= MOST_EXAMINED
  return used, false
end

local function advance()
  local reserve = math.max(SECOND, it.step)
  local paced = math.max(it.paced, now * 1000 - reserve)
  local allowed = math.floor((now * 1000 - paced) / it.step)
  local wanted = math.min(allowed, most, it.limit and it.limit - it.done or most)
  local used, over = 0, false
  if wanted > 0 then used, over = (it.by_ids and next_ids or next_matching)(wanted) end
  if over and not it.by_ids then it.skipped = math.max(0, it.matched - it.done - it.failed) end
  it.paced = paced + used * it.step
  it.turn, it.turn_jobs = turn, table.concat(acted, ' ')
  redis.call('HSET', CAMPAIGN, 'done', it.done, 'failed', it.failed, 'skipped', it.skipped,
    'cursor', it.cursor or '', 'paced_us', string.format('%.0f', it.paced), 'turn', turn,
    'turn_jobs', it.turn_jobs)
  if over or it.limit == it.done then
    it.state = 'finished'
    end_campaign('finished')
  end
end

if not it then return { {}, 0, epoch, {} } end
if it.turn ~= turn and it.state == 'running' then advance() end
local messages = {}
if it.turn == turn then
  for other in string.gmatch(it.turn_jobs, '%S+') do
    turn_to(other)
    load()
    if job.state and in_outbox() then messages[#messages + 1] = { id, redis.call('HGETALL', JOB) } end
  end
end
local wait = 0
if it.state == 'running' then
  wait = math.max(0, math.ceil((it.paced + it.step - now * 1000) / 1000))
end
return { redis.call('HGETALL', CAMPAIGN), wait, epoch, messages }
