"""Seeded bugs in what the scripts do about keys, quotas, callbacks, lists and retention."""

from tests.contract.store_mutants import Mutant

KEEPING_MUTANTS = [
    Mutant(
        "a dead letter is to be deleted",
        "move",
        "if not job.dead_reason then keep(",
        "if true then keep(",
    ),
    Mutant(
        "a discarded letter is kept for ever",
        "redriving",
        "  keep(unpack(redis.call('HMGET', JOB, 'retention', 'key_hash', 'keyed_at')))\n",
        "",
    ),
    Mutant(
        "a job goes before its Idempotency-Key", "move", "if keyed_at then", "if false then", seed=4
    ),
    Mutant(
        "an ended job still has its unique_key",
        "move",
        "if given(kept[1]) then free_unique(kept[1]) end",
        "",
        seed=2,
    ),
    Mutant(
        "a new job has no unique_key",
        "describing",
        "if unique_key then hold_unique(unique_key) end",
        "",
        seed=1,
    ),
    Mutant(
        "a redriven job has no unique_key",
        "redriving",
        "  hold_unique(given(redis.call('HGET', JOB, 'unique_key')))\n",
        "",
        seed=7,
    ),
    Mutant(
        "a redrive does not ask who has the unique_key",
        "redrive",
        "if holder then return { 'taken', holder } end",
        "",
        seed=4,
    ),
    Mutant(
        "a duplicate does not say that it is not safe",
        "submitting",
        "if job.dispatch == 1 and in_outbox() then return reply('duplicate', 1) end",
        "",
        seed=2,
    ),
    Mutant(
        "a key is not bound to the job it is answered with",
        "submitting",
        "  bind_also(asked)\n",
        "",
        seed=7,
    ),
    Mutant(
        "ended jobs count against the quota",
        "submitting",
        "'(' .. FIRST_FINAL * RANK_SPAN",
        "'+inf'",
        seed=1,
    ),
    Mutant(
        "the quota has room for one more", "submitting", "+ more >= quota", "+ more > quota", seed=4
    ),
    Mutant(
        "an end is told to nobody",
        "move",
        "if given(kept[2]) then redis.call('ZADD', CALLBACKS",
        "if false then redis.call('ZADD', CALLBACKS",
    ),
    Mutant("a callback comes at once again", "due_callbacks", "now + AGAIN", "now", seed=1),
    Mutant(
        "a job goes before its end was told",
        "delete_ended",
        "if job[1] and redis.call('ZSCORE', CALLBACKS",
        "if false and redis.call('ZSCORE', CALLBACKS",
        seed=1,
    ),
    Mutant(
        "a deleted job leaves no tombstone",
        "delete_ended",
        "if forgotten(created_at) or created_at > now - YOUNG then",
        "if false then",
    ),
    Mutant(
        "the tombstone of a deleted job is overlooked",
        "claim_missing",
        "if is_deleted then return { 'final' } end",
        "",
    ),
    Mutant(
        "the list by state is of the past",
        "move",
        "enlist(STATES, text(rank(to) * RANK_SPAN + job.created_at), id)",
        "redis.call('ZADD', STATES, 'NX', text(rank(to) * RANK_SPAN + job.created_at), id)",
    ),
]
