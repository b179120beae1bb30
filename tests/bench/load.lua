-- What wrk sends: the same request again and again, each with an Idempotency-Key of its own where
-- the plan has a run; and what came of it, as one line of JSON.
local run, head, body, count = '', '', '', 0

function init(arguments)
  run, head, body = arguments[1], arguments[2], arguments[3]
  head = head .. '\r\ncontent-length: ' .. #body .. '\r\n'
end

function request()
  if run == '' then return head .. '\r\n' .. body end
  count = count + 1
  return head .. 'idempotency-key: ' .. run .. '-' .. count .. '\r\n\r\n' .. body
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"answers":%d,"seconds":%.3f,"p50_ms":%.2f,"p99_ms":%.2f,"refused":%d,"unanswered":%d}\n',
    summary.requests - errors.status, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
