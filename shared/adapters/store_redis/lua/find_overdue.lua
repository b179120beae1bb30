-- uses: move
-- ARGV: 4 limit  5 after (ms)  6 how many queues, then of each: AMQP queue, handed, empty (1 or 0);
-- then the jobs that workers hold
local limit, after, count = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local held, held_count = {}, 0
for i = 7 + 3 * count, #ARGV do
  held[ARGV[i]] = true
  held_count = held_count + 1
end

enter()

-- Who still runs a job that the store has forgotten to have started must be heard first.
local function is_settled()
  return now >= math.max(born_at, changed_at or 0) + math.max(lease_ms, after)
end

-- Those that wait since before it should be there no more.
local function latest(handed, is_empty)
  local from_handed = handed > 0 and handed - after or 0
  return math.max(from_handed, is_empty and now - after or 0)
end

local messages, more = {}, false

local function take_overdue(queue, before)
  local ripe = redis.call('ZRANGEBYSCORE', WAITING .. queue, '-inf', '(' .. before,
    'LIMIT', 0, limit + held_count + 1)
  for _, other in ipairs(ripe) do
    if #messages >= limit then
      more = true
      return
    end
    if not held[other] then
      turn_to(other)
      load()
      if job.state == 'queued' then
        new_dispatch(now + OUTBOX_PATIENCE)
        save()
        messages[#messages + 1] = { id, redis.call('HGETALL', JOB) }
      else -- somebody has deleted it by hand
        redis.call('ZREM', WAITING .. queue, id)
      end
    end
  end
end

if is_settled() then
  for i = 7, 6 + 3 * count, 3 do
    take_overdue(ARGV[i], latest(tonumber(ARGV[i + 1]), ARGV[i + 2] == '1'))
  end
end

local waiting, known = {}, redis.call('HGETALL', HANDED)
for i = 1, #known, 2 do
  if redis.call('EXISTS', WAITING .. known[i]) == 1 then waiting[#waiting + 1] = known[i] end
end
return { epoch, more and 1 or 0, known, waiting, messages }
