-- uses: move describing message forgotten
-- ARGV: 23 error (JSON)  24 public error (JSON)
enter()
load()
if not job.state then
  -- Deleted, or to be rebuilt as cancelled: the archivist knows what to do with its message.
  if not forgotten(message.created_at) or redis.call('EXISTS', TOMB) == 1 then
    return 'left'
  end
  recreate()
  move('rebuilt')
end
if job.state == 'failed' and job.dispatch == message.dispatch then
  return job.dead_reason == 'unknown_type' and 'left' or 'refused'
end
if is_final() or job.state == 'running' or message.dispatch < job.dispatch then
  return 'refused'
end
put('dispatch', message.dispatch)
give_up('unknown_type', ARGV[23], ARGV[24])
return 'parked'
