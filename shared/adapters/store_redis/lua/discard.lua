-- uses: move redriving
-- ARGV: 4 by  5 reason
enter()
load()
if not job.state then return { 'not_found' } end
if job.dead_reason then
  discard_job(ARGV[4], ARGV[5])
  return reply('done')
end
return reply(redis.call('HEXISTS', JOB, 'discarded_at') == 1 and 'done' or 'nothing')
