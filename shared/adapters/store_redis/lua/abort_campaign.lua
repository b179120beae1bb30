-- uses: campaign
-- ARGV: 4 campaign
enter()
if redis.call('HGET', CAMPAIGN, 'state') == 'running' then end_campaign('aborted') end
return redis.call('HGETALL', CAMPAIGN)
