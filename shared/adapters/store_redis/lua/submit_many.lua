-- uses: move message bound submitting
-- ARGV: 4 whether all or none  5 how many, then of each: job, message and the rest, as in submit
local atomic, count = ARGV[4] == '1', tonumber(ARGV[5])
local FIRST, SIZE = 3, 24

enter()

-- The next of the batch is in hand.
local function turn(number)
  AT = FIRST + SIZE * (number - 1)
  turn_to(ARGV[AT + 3])
  message = read_message()
end

-- What is against a job, when `planned` others come before it, and those have the keys `taken`.
local function find_refusal(planned, taken)
  if redis.call('EXISTS', JOB) == 1 then return end
  local asked, IDEM = id, idem_key()
  local verdict = IDEM and find_bound(IDEM, ARGV[AT + 24])
  turn_to(asked)
  if verdict then return (verdict == 'mismatch' or verdict == 'in_flight') and { verdict } or nil end
  local key, holder = given(ARGV[AT + 21]), unique_holder()
  if holder or taken[key or ''] then
    return ARGV[AT + 25] == 'reject' and { 'taken', holder or '' } or nil
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
    AT = FIRST + SIZE * (number - 1)
    local own = { PREFIX .. 'job:' .. ARGV[AT + 3], idem_key() }
    for _, name in ipairs(own) do
      if met[name] then return false end
      met[name] = true
      names[#names + 1] = name
    end
    if given(ARGV[AT + 21]) then return false end
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
