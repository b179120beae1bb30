"""Seeded bugs in what the scripts do about batches."""

from tests.contract.store_mutants import Mutant

BATCHING_MUTANTS = [
    Mutant(
        "a batch keeps to itself what it gathered",
        "gathering",
        "redis.call('ZADD', index, unpack(",
        "redis.call('EXISTS', index, unpack(",
        seed=4,
    ),
    Mutant(
        "the events of a batch count as one",
        "gathering",
        "'seq', events)",
        "'seq', 1)",
        seed=4,
    ),
    Mutant(
        "a batch does not see what it owes",
        "move",
        "  flush()\n  return redis.call('ZSCORE', OUTBOX",
        "  return redis.call('ZSCORE', OUTBOX",
    ),
    Mutant(
        "the quota overlooks what came before in the batch",
        "submitting",
        "    flush()\n    live =",
        "    live =",
        seed=7,
    ),
    Mutant(
        "the quota is the same for each of a batch",
        "submitting",
        "  if live then live = live + 1 end\n",
        "",
        seed=1,
    ),
    Mutant(
        "jobs of a batch that share a key both come",
        "submit_many",
        "if met[job_key] or IDEM and met[IDEM] or",
        "if",
    ),
    Mutant(
        "a batch does not ask what is known",
        "submit_many",
        "unpack(names, first, last)) > 0",
        "unpack(names, first, last)) > 1000",
        seed=4,
    ),
    Mutant(
        "a batch does not ask who has a unique_key",
        "submit_many",
        " or said[21] ~= '' then return false",
        " then return false",
        seed=1,
    ),
    Mutant("all of a batch begin like the first", "submit_many", "  beginning = nil\n", "", seed=1),
    Mutant(
        "a confirm that comes again makes a job wait anew",
        "confirm_many",
        "owed[place]\n      and ",
        "",
        seed=1,
    ),
    Mutant(
        "nobody is under way with a new key",
        "bound",
        "tonumber(bound[3]) or job.created_at + MARKER",
        "tonumber(bound[3]) or 0",
        seed=6,
    ),
    Mutant(
        "a batch of late confirms clears newer dispatches",
        "confirm_many",
        "if job and job[1] == ARGV[3 + 2 * place] then",
        "if job then",
        seed=5,
    ),
    Mutant(
        "what is confirmed in a batch is not waited for",
        "confirm_many",
        "if job[2] == 'queued' then",
        "if false then",
        seed=6,
    ),
]
