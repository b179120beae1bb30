-- A job as a submit or a message describes it, and how a record is made from that.
-- By the numbers of ARGV, 4-22; a batch puts there what it says of the job at hand.
local said = ARGV

-- What was said as a record calls it. What is '' is not written, nor what `load` takes for said.
local function say(name, number)
  local value = said[number]
  if value ~= '' then
    writes[written + 1], writes[written + 2] = name, value
    written = written + 2
  end
end

local function say_but(name, number, unsaid)
  if said[number] ~= unsaid then say(name, number) end
end

-- Where the records of a batch begin alike; nil: nowhere yet.
local beginning, beginning_size

local function begin_record()
  if beginning then
    writes, written = beginning, beginning_size
    return
  end
  beginning = {}
  writes, written = beginning, 0
  say('type', 4)
  say('type_version', 5)
  say('queue', 6)
  say('priority', 7)
  say('max_attempts', 9)
  say_but('labels', 10, '{}')
  say('submitted_by', 11)
  say('expires_at', 13)
  say('dispatch', 17)
  say_but('spent', 18, '0')
  say_but('spent_all', 18, '0')
  say_but('crashes', 19, '0')
  say('retention', 20)
  say('callback_url', 22)
  put('made_in', epoch)
  beginning_size = written
end

-- Index a new job and get everything but its state ready to be written; the caller moves it into
-- its first one.
local function create(at, run_at)
  local queue, labels, unique_key, created_at = said[6], said[10], given(said[21]), text(at)
  job = { revision = 0, step = 0, attempt = 0, handed = 0, queue = queue, created_at = at,
    traceparent = given(said[14]) }
  begin_record()
  say('payload', 8)
  say('traceparent', 14)
  say('key_hash', 15)
  say('unique_key', 21)
  put('created_at', at, created_at)
  if run_at then put('run_at', run_at, text(run_at)) end
  if unique_key then hold_unique(unique_key) end
  enlist(JOBS, created_at, id)
  enlist(OF_TYPE .. said[4], created_at, id)
  enlist(OF_QUEUE .. queue, created_at, id)
  for name, value in pairs(labels == '{}' and {} or cjson.decode(labels)) do
    enlist(OF_LABEL .. name .. '=' .. value, created_at, id)
  end
end
