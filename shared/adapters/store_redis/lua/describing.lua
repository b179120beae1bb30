-- A job as a submit or a message describes it, and how a record is made from that.
-- By the numbers of ARGV, 4-22; a batch puts there what it says of the job at hand.
local said = ARGV

-- What a record calls it. What is '' or here is not written: `load` knows.
local COMMON = { 'type', 4, 'type_version', 5, 'queue', 6, 'priority', 7, 'max_attempts', 9,
  'labels', 10, 'submitted_by', 11, 'expires_at', 13, 'dispatch', 17, 'spent', 18, 'spent_all', 18,
  'crashes', 19, 'retention', 20, 'callback_url', 22 }
local OWN = { 'payload', 8, 'traceparent', 14, 'key_hash', 15, 'unique_key', 21 }
local UNSAID = { labels = '{}', spent = '0', spent_all = '0', crashes = '0' }

local function write_said(fields)
  for i = 1, #fields, 2 do
    local name, value = fields[i], said[fields[i + 1]]
    if value ~= '' and value ~= UNSAID[name] then
      writes[written + 1], writes[written + 2] = name, value
      written = written + 2
    end
  end
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
  write_said(COMMON)
  put('made_in', epoch)
  beginning_size = written
end

-- Index a new job and get everything but its state ready to be written; the caller moves it into
-- its first one.
local function create(at, run_at)
  local queue, labels, unique_key, created_at = said[6], said[10], given(said[21]), text(at)
  job = { revision = 0, step = 0, attempt = 0, handed = 0, queue = queue, created_at = at }
  begin_record()
  write_said(OWN)
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
