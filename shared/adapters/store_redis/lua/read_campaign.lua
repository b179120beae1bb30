-- uses: campaign
return redis.call('HGETALL', CAMPAIGN)
