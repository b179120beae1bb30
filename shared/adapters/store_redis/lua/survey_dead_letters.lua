-- How many dead letters there are by reason, and which campaigns are running.
return { redis.call('HGETALL', DEAD_REASONS), redis.call('ZCARD', PREFIX .. 'undecodables'),
  redis.call('SMEMBERS', PREFIX .. 'campaigns_running') }
