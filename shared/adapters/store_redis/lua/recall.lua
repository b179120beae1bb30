-- uses: move bound
-- ARGV: 4 fingerprint   KEYS: 10 idem
enter()
return answer_bound(KEYS[10], ARGV[4]) or { 'unknown' }
