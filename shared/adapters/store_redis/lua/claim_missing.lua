-- A message whose record is not there: forgotten by the store, or deleted by retention?
local token_of_claim, lease_of_claim = ARGV[23], tonumber(ARGV[25])

local function rebuild()
  recreate()
  if job.run_at and job.run_at > now then
    enlist(DUE, text(job.run_at), id)
    move('postponed')
  else
    move('rebuilt')
  end
end

-- The answer, or nil once the record is back and to be claimed like any other.
local function answer_missing()
  local tomb = redis.call('HMGET', TOMB, 'at', 'gone')
  local asked_at, is_deleted = tomb[1], tomb[2]
  if is_deleted then return { 'final' } end
  if asked_at then
    redis.call('DEL', TOMB)
    rebuild()
    put('cancel_requested_at', tonumber(asked_at))
    put('verdict_token', token_of_claim)
    put('verdict', 'cancelled')
    move('cancelled')
    return { 'cancelled' }
  end
  if not forgotten(message.created_at) then return { 'final' } end
  local grace = grace_left(nil, lease_of_claim)
  if grace > 0 then return { 'live', grace } end
  rebuild()
end
