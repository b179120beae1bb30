-- A campaign over dead letters.
local CAMPAIGNS, RUNNING = PREFIX .. 'campaigns', PREFIX .. 'campaigns_running'
local CAMPAIGN, IDS = PREFIX .. 'campaign:' .. ARGV[4], PREFIX .. 'campaign_ids:' .. ARGV[4]
local CAMPAIGN_LIFE = 30 * 86400000 -- after its end

local function load_campaign()
  local v = redis.call('HMGET', CAMPAIGN, 'state', 'action', 'by_ids', 'limit', 'by', 'why',
    'created_at', 'matched', 'done', 'failed', 'skipped', 'step_us', 'paced_us', 'cursor', 'turn',
    'turn_jobs', 'type', 'reason', 'code', 'older', 'newer')
  if not v[1] then return nil end
  return { state = v[1], action = v[2], by_ids = v[3] == '1', limit = tonumber(v[4]), by = v[5],
    why = v[6], created_at = tonumber(v[7]), matched = tonumber(v[8]), done = tonumber(v[9]),
    failed = tonumber(v[10]), skipped = tonumber(v[11]), step = tonumber(v[12]),
    paced = tonumber(v[13]), cursor = given(v[14]), turn = v[15], turn_jobs = v[16],
    wishes = { v[17], v[18], v[19], v[20], v[21] } }
end

local function end_campaign(state)
  redis.call('HSET', CAMPAIGN, 'state', state, 'finished_at', now)
  redis.call('SREM', RUNNING, ARGV[4])
  redis.call('PEXPIRE', CAMPAIGN, CAMPAIGN_LIFE)
  redis.call('DEL', IDS)
end
