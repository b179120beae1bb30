"""Seeded bugs: what a tired engineer might leave out of the Lua scripts."""

from dataclasses import dataclass

from shared.adapters.store_redis.scripts import packaged


@dataclass(frozen=True)
class Mutant:
    """One bug: in `file`, `right` has become `wrong`; `seed`: examples that soon find it."""

    name: str
    file: str
    right: str
    wrong: str
    seed: int = 0

    def source(self, file: str) -> str:
        """Give the text of a Lua file, with the bug in it."""
        text = packaged(file)
        if file != self.file:
            return text
        assert text.count(self.right) == 1, f"{self.name}: {self.right!r} is not there once"
        return text.replace(self.right, self.wrong)


MUTANTS = [
    Mutant("anybody may settle", "settle", " or job.token ~= token then return", " then return"),
    Mutant("anybody may tell progress", "progress", " or job[2] ~= ARGV[4]", ""),
    Mutant(
        "anybody may renew",
        "heartbeat",
        "if job.state == 'running' and job.token == token then",
        "if job.state == 'running' then",
    ),
    Mutant(
        "a retry forgets the outbox",
        "retry",
        "new_dispatch(now + OUTBOX_PATIENCE)",
        "put('dispatch', job.dispatch + 1)",
    ),
    Mutant(
        "a late confirm clears a newer dispatch",
        "confirm",
        "if job[1] ~= ARGV[4] or",
        "if",
    ),
    Mutant(
        "a claim of a waiting job leaves the outbox",
        "claim",
        "redis.call('ZREM', OUTBOX, id) -- the message in hand is the current one",
        "",
    ),
    Mutant(
        "an ended job still owes its message",
        "move",
        "  redis.call('ZREM', OUTBOX, id)\n  redis.call('ZREM', DUE, id)\nend",
        "  redis.call('ZREM', DUE, id)\nend",
    ),
    Mutant(
        "a stale message runs the job",
        "claim",
        "if message.dispatch < job.dispatch then",
        "if false then",
    ),
    Mutant(
        "a message ahead of the record is not believed",
        "claim",
        "if message.dispatch > job.dispatch then adopt() end",
        "",
        seed=1,
    ),
    Mutant("the sweep takes live leases", "sweep", "'-inf', now,", "'-inf', now + 5000,"),
    Mutant("the sweep does not know of outages", "sweep", "if is_held() then return 0, 0 end", ""),
    Mutant("the tick overlooks a gap", "tick", "now - before > GAP or ", ""),
    Mutant("a lost lease keeps its dispatch", "sweep", "new_dispatch(now)", "need_message(now)"),
    Mutant(
        "a lost worker costs an attempt",
        "sweep",
        "put('losses', job.losses + 1)",
        "put('losses', job.losses + 1) use_attempt('worker_lost')",
    ),
    Mutant(
        "a deploy costs an attempt",
        "release",
        "file_attempt('interrupted')",
        "use_attempt('interrupted') file_attempt('interrupted')",
    ),
    Mutant("a crash is not counted", "attempt", "outcome == 'crashed'", "outcome == 'crash'"),
    Mutant(
        "an old record needs no grace",
        "claim",
        "if grace > 0 then return { 'live', grace } end",
        "",
    ),
    Mutant(
        "a missing record is rebuilt at once",
        "claim_missing",
        "if grace > 0 then return { 'live', grace } end",
        "",
    ),
    Mutant(
        "any record counts as of this epoch",
        "prelude",
        "if made_in == epoch then",
        "if made_in then",
    ),
    Mutant(
        "a change of epoch goes unnoticed",
        "prelude",
        "elseif meta[3] ~= replid then",
        "elseif false then",
    ),
    Mutant(
        "a cancel is forgotten by a retry",
        "retry",
        "if job.cancel_requested_at then return settle('cancelled') end",
        "",
        seed=3,
    ),
    Mutant("a repeated settle is a stranger's", "settle", "job.settled_token == token", "false"),
    Mutant(
        "a repeated claim waits for itself",
        "claim",
        "if job.state == 'running' and job.token == token then return reply('run') end",
        "",
    ),
    Mutant(
        "a repeated submit begins anew",
        "submitting",
        "if redis.call('EXISTS', JOB) == 1 then return reply('accepted') end",
        "",
    ),
    Mutant(
        "a tombstone is overlooked", "claim_missing", "if asked_at then", "if false then", seed=5
    ),
    Mutant(
        "two requests under one key publish both",
        "bound",
        "if is_marked(bound, asked) then",
        "if false then",
    ),
    Mutant("progress is no event", "prelude", "text(revision + 1)", "text(revision)"),
    Mutant(
        "a confirmed job is not waited for",
        "confirm",
        "if job[2] == 'queued' then",
        "if false then",
        seed=1,
    ),
    Mutant(
        "what is due is not waited for", "sweep", "if not in_outbox() then await(due_at) end", ""
    ),
    Mutant("what was released is not waited for", "release", "await(now)", ""),
    Mutant(
        "what a claim sent round counts from its enqueue",
        "claim",
        "if job.state == 'queued' then await(now + answer[2]) end",
        "",
    ),
    Mutant(
        "a running job counts as waiting",
        "move",
        "if job.state ~= 'queued' then return end",
        "if true then return end",
    ),
    Mutant(
        "an overdue job keeps its dispatch",
        "find_overdue",
        "new_dispatch(now + OUTBOX_PATIENCE)",
        "need_message(now + OUTBOX_PATIENCE)",
    ),
    Mutant(
        "an overdue job is moved and not published",
        "find_overdue",
        "new_dispatch(now + OUTBOX_PATIENCE)",
        "put('dispatch', job.dispatch + 1) leave_waiting()",
    ),
    Mutant(
        "a message in a worker's hands counts as lost",
        "find_overdue",
        "if not held[other] then",
        "if true then",
        seed=9,
    ),
    Mutant(
        "overdue hastens after a birth or a change of epoch",
        "find_overdue",
        "if is_settled() then",
        "if true then",
        seed=8,
    ),
    Mutant(
        "overdue does not look at empty queues",
        "find_overdue",
        "is_empty and now - after or 0",
        "0",
        seed=1,
    ),
    Mutant(
        "overdue counts from nothing",
        "find_overdue",
        "'-inf', '(' .. before,",
        "'-inf', '+inf',",
        seed=2,
    ),
    Mutant(
        "what was handed out is taken for younger than it is",
        "move",
        "if due <= now then at = math.max(at, due) end",
        "at = now",
    ),
    Mutant(
        "a job that failed is missing from the list",
        "fail",
        "mark_dead(reason, error, public)",
        "put('error', error) put('public_error', public) put('dead_since', now) "
        "put('dead_reason', reason)",
        seed=1,
    ),
    Mutant(
        "a redriven job stays in the list",
        "move",
        "redis.call('ZREM', DEAD, dead_member(",
        "redis.call('EXISTS', DEAD, dead_member(",
        seed=1,
    ),
    Mutant(
        "a redrive keeps the dispatch",
        "redriving",
        "new_dispatch(now + OUTBOX_PATIENCE)",
        "need_message(now + OUTBOX_PATIENCE)",
        seed=1,
    ),
    Mutant(
        "a redrive forgets the outbox",
        "redriving",
        "new_dispatch(now + OUTBOX_PATIENCE)",
        "put('dispatch', job.dispatch + 1)",
        seed=1,
    ),
    Mutant("a redrive leaves no new budget", "redriving", "  put('spent', 0)\n", "", seed=1),
    Mutant(
        "a redrive obeys a cancel of the former life",
        "redriving",
        "  put('cancel_requested_at', nil)\n",
        "",
        seed=1,
    ),
    Mutant(
        "a redrive that is repeated finds nothing",
        "redrive",
        "if was == turn or owed then",
        "if false then",
        seed=5,
    ),
    Mutant(
        "a discarded job can be redriven",
        "redriving",
        "local function discard_job(by, reason)\n  unmark_dead()",
        "local function discard_job(by, reason)",
        seed=3,
    ),
    Mutant(
        "a campaign's turn that is repeated takes more",
        "advance_campaign",
        "if it.turn ~= turn and it.state",
        "if it.state",
        seed=1,
    ),
    Mutant(
        "a late filing is taken for the current message",
        "archive",
        "if message.dispatch < job.dispatch then",
        "if false then",
    ),
    Mutant(
        "a scheduled job never expires",
        "sweep",
        "if job.state == 'scheduled' and",
        "if false and",
        seed=1,
    ),
    Mutant("a repeated park is another end", "park", "and 'left'", "and 'parked'"),
    Mutant("a transition says nothing of its trace", "move", " .. trace_member() .. ", " .. "),
    Mutant(
        "a trace is told with all that stands behind it",
        "move",
        "string.match(job.traceparent, '^[%x-]+')",
        "job.traceparent",
    ),
    Mutant(
        "a trace is forgotten after the first step",
        "move",
        "traceparent = given(v[33])",
        "traceparent = nil",
    ),
    Mutant(
        "the first step says nothing of its trace",
        "describing",
        "traceparent = given(said[14])",
        "traceparent = nil",
    ),
    Mutant("whoever leaves a state stays counted in it", "move", "  count(job.state, -1)\n", ""),
    Mutant("retrying jobs are not counted", "prelude", " or state == 'retrying'", ""),
    Mutant(
        "a survey tells the age of the youngest",
        "survey_queues",
        "WAITING .. name, 0, 0,",
        "WAITING .. name, -1, -1,",
    ),
    Mutant(
        "a survey of the outbox tells the age of the youngest",
        "survey_outbox",
        "at < (eldest or math.huge)",
        "at > (eldest or 0)",
    ),
    Mutant(
        "nobody hears of what was taken over",
        "sweep",
        "      note_move('lost')\n",
        "",
    ),
    Mutant(
        "nobody hears of what has expired",
        "sweep",
        "      note_move('expired')\n",
        "",
    ),
    Mutant(
        "who cancels a job once more is told that he has ended it",
        "cancel",
        "if job.state == 'cancelled' then return reply('cancelled') end",
        "if job.state == 'cancelled' then return reply('cancelled', 1) end",
    ),
    Mutant(
        "a claim does not say why it gave up",
        "claim",
        "  return { verdict, code }\n",
        "  return { verdict }\n",
    ),
    Mutant(
        "the archivist does not hear that he has ended a job",
        "archive",
        "    return { 'ack', 'delivery_limit' }\n",
        "    return { 'ack' }\n",
    ),
    Mutant(
        "a key that was handed over is still the first one's",
        "bound",
        "(bound[4] or bound[1]) ~= asked",
        "bound[1] ~= asked",
        seed=7,
    ),
    Mutant("an attempt begins where the last one was", "move", "    put('progress', nil)\n", ""),
    Mutant(
        "a new message is handed out as late as the one before",
        "move",
        "  if job.handed > 0 then put('handed', 0) end\n",
        "",
        seed=6,
    ),
    Mutant(
        "a first message was made necessary at no time",
        "move",
        "tonumber(v[31]) or created_at",
        "tonumber(v[31]) or 0",
    ),
]
