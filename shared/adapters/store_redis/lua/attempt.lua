-- The end of an attempt: its entry in the history, and what it cost.
local function file_attempt(outcome, error)
  redis.call('RPUSH', ATTEMPTS, '{"number":' .. job.attempt .. ',"started_at":' .. job.attempt_at
    .. ',"finished_at":' .. now .. ',"outcome":"' .. outcome .. '","error":' .. (error or 'null')
    .. ',"worker":' .. cjson.encode(job.worker) .. '}')
  redis.call('LTRIM', ATTEMPTS, -100, -1)
  redis.call('ZREM', LEASES, id)
end

local function use_attempt(outcome)
  put('spent', job.spent + 1)
  put('spent_all', job.spent_all + 1)
  if outcome == 'crashed' then put('crashes', job.crashes + 1) end
end
