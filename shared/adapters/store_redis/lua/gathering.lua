-- A batch writes what it adds to the indexes, and the number of its events, in one go.
local MOST_ARGUMENTS = 4000 -- Lua unpacks no more than 8,000
local gathered, size_of, queues_known = {}, {}, {}
local events, events_before = 0, nil

enlist = function(index, score, member)
  local entries, size = gathered[index], size_of[index] or 0
  if not entries then
    entries = {}
    gathered[index] = entries
  end
  entries[size + 1], entries[size + 2], size_of[index] = score, member, size + 2
end

next_seq = function()
  events_before = events_before or tonumber(redis.call('HGET', META, 'seq') or 0)
  events = events + 1
  return text(events_before + events)
end

-- A batch tells no progress: the seqs of its steps have no holes.
local fed, stepped, first_fed = {}, 0, nil

note_step = function(seq, step)
  first_fed = first_fed or seq
  fed[stepped + 1], fed[stepped + 2], stepped = id, step, stepped + 2
end

know_queue = function(name)
  if queues_known[name] then return end
  redis.call('HSETNX', HANDED, name, '0')
  queues_known[name] = true
end

flush = function()
  for index, entries in pairs(gathered) do
    for first = 1, size_of[index], MOST_ARGUMENTS do
      local last = math.min(first + MOST_ARGUMENTS - 1, size_of[index])
      redis.call('ZADD', index, unpack(entries, first, last))
    end
  end
  if events > 0 then redis.call('HINCRBY', META, 'seq', events) end
  if first_fed then feed(first_fed, table.concat(fed, ' ', 1, stepped)) end
  gathered, size_of, events, events_before = {}, {}, 0, nil
  fed, stepped, first_fed = {}, 0, nil
end

-- What was gathered is written even where it breaks off.
local function in_one_go(deed)
  local done, answer = pcall(deed)
  flush()
  if not done then error(answer, 0) end
  return answer
end
