-- uses: gathering move describing bound submitting
-- ARGV: 4 whether all or none  5 how many, then what is said of each, by the numbers of submit:
-- 3, 8, 14, 15, 21, 24, and '=' when the rest is as with the one before; else '' and the rest
local atomic, count, FIRST = ARGV[4] == '1', tonumber(ARGV[5]), 6
local REST = { 4, 5, 6, 7, 9, 10, 11, 12, 13, 16, 17, 18, 19, 20, 22, 23, 25, 26 }

enter()

-- Read what is said of the next one; `number` 1 begins again.
local reading_at

local function read_next(number)
  local at = number == 1 and FIRST or reading_at
  said[3], said[8], said[14], said[15], said[21], said[24] =
    ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5]
  reading_at = at + 7
  if ARGV[at + 6] == '=' then return end
  for place = 1, #REST do said[REST[place]] = ARGV[at + 6 + place] end
  reading_at = reading_at + #REST
  beginning = nil
end

-- The next of the batch is in hand.
local function turn(number)
  read_next(number)
  turn_to(said[3])
end

said = {}
for place = 1, 26 do said[place] = '' end

-- What is against a job, when `planned` others come before it, and those have the keys `taken`.
local function find_refusal(planned, taken)
  if redis.call('EXISTS', JOB) == 1 then return end
  local asked, IDEM = id, idem_key()
  local verdict = IDEM and find_bound(IDEM, said[24])
  turn_to(asked)
  if verdict then return (verdict == 'mismatch' or verdict == 'in_flight') and { verdict } or nil end
  local key, holder = given(said[21]), unique_holder()
  if holder or taken[key or ''] then
    return said[25] == 'reject' and { 'taken', holder or '' } or nil
  end
  if is_over_quota(planned[1]) then return { 'over_quota' } end
  planned[1] = planned[1] + 1
  if key then taken[key] = true end
end

local function find_refusals()
  local answers, refused, planned, taken = {}, false, { 0 }, {}
  for number = 1, count do
    turn(number)
    local refusal = find_refusal(planned, taken)
    refused = refused or refusal ~= nil
    answers[number] = refusal or { 'withheld' }
  end
  return refused and answers
end

local refusals = atomic and find_refusals()
if refusals then return { now, epoch, refusals } end

-- Whether the store knows none of these jobs, nor any of their keys, and no two share one.
local function are_all_new()
  local names, met = {}, {}
  for number = 1, count do
    read_next(number)
    local job_key, IDEM = PREFIX .. 'job:' .. said[3], idem_key()
    if met[job_key] or IDEM and met[IDEM] or said[21] ~= '' then return false end
    met[job_key], names[#names + 1] = true, job_key
    if IDEM then met[IDEM], names[#names + 1] = true, IDEM end
  end
  for first = 1, #names, MOST_ARGUMENTS do
    local last = math.min(first + MOST_ARGUMENTS - 1, #names)
    if redis.call('EXISTS', unpack(names, first, last)) > 0 then return false end
  end
  return true
end

local answers, are_new = {}, are_all_new()

local function answer_all()
  for number = 1, count do
    turn(number)
    local answer
    if are_new then
      answer = is_over_quota(0) and { 'over_quota' }
    else
      answer = answer_known()
    end
    if not answer then
      write_new()
      answer = job.state
    end
    answers[number] = answer
  end
end

in_one_go(answer_all)
return { now, epoch, answers }
