"""Seeded bugs in what the scripts do about the feed, each with the scenario that it breaks."""

from tests.contract.store_feed import (
    Scenario,
    a_job_that_is_deleted_makes_a_hole_and_says_so,
    a_page_of_one_leads_on,
    a_result_is_told_with_the_step_that_brought_it,
    another_epoch_cannot_be_resumed,
    jobs_of_a_batch_are_told_one_by_one,
    large_results_end_a_page,
    nothing_seen_cannot_be_resumed_over_two_epochs,
    of_very_many_the_oldest_go,
    pages_lead_on,
    the_place_of_a_list_is_where_its_feed_stands,
    what_was_missed_is_told_in_its_order,
    who_is_ahead_is_told,
)
from tests.contract.store_mutants import Mutant

FEED_MUTANTS: tuple[tuple[Mutant, Scenario], ...] = (
    (
        Mutant("a step is not noted", "move", "  note_step(seq, step)\n", ""),
        what_was_missed_is_told_in_its_order,
    ),
    (
        Mutant(
            "a batch notes one step",
            "gathering",
            "stepped = id, step, stepped + 2",
            "stepped = id, step, 2",
        ),
        jobs_of_a_batch_are_told_one_by_one,
    ),
    (
        Mutant(
            "a batch is noted at its end",
            "gathering",
            "first_fed = first_fed or seq",
            "first_fed = seq",
        ),
        jobs_of_a_batch_are_told_one_by_one,
    ),
    (
        Mutant(
            "a cursor within a batch begins after it",
            "read_feed",
            "before and before[1] or '-'",
            "'(' .. after .. '-0'",
        ),
        jobs_of_a_batch_are_told_one_by_one,
    ),
    (
        Mutant("what was seen is told again", "read_feed", "if at > after then", "if true then"),
        jobs_of_a_batch_are_told_one_by_one,
    ),
    (
        Mutant("a full page may be the last", "read_feed", "limit + 2", "limit + 1"),
        a_page_of_one_leads_on,
    ),
    (
        Mutant("a page has no end", "read_feed", "#page >= limit or size", "size"),
        pages_lead_on,
    ),
    (
        Mutant("a page may weigh anything", "read_feed", " or size >= MOST_TEXT", ""),
        large_results_end_a_page,
    ),
    (
        Mutant(
            "every step brings the result", "read_feed", "last[1] == step and last[2]", "last[2]"
        ),
        a_result_is_told_with_the_step_that_brought_it,
    ),
    (
        Mutant(
            "any epoch will do",
            "read_feed",
            "if not is_of_this_epoch() then return 'epoch_changed' end",
            "",
        ),
        another_epoch_cannot_be_resumed,
    ),
    (
        Mutant("nothing seen is resumed over epochs", "read_feed", " and not stands[3]", ""),
        nothing_seen_cannot_be_resumed_over_two_epochs,
    ),
    (
        Mutant("an epoch that nobody has noted is none", "read_feed", " and stands[4] == here", ""),
        nothing_seen_cannot_be_resumed_over_two_epochs,
    ),
    (
        Mutant(
            "who is ahead is not told", "read_feed", "if after > seq then return 'ahead' end", ""
        ),
        who_is_ahead_is_told,
    ),
    (
        Mutant(
            "a hole is passed over",
            "read_feed",
            "if not take(at, other, step) then return 'history_trimmed' end",
            "take(at, other, step)",
        ),
        a_job_that_is_deleted_makes_a_hole_and_says_so,
    ),
    (
        Mutant(
            "what is trimmed is forgotten",
            "read_feed",
            "  if not reaches_back() then return 'history_trimmed' end\n",
            "",
        ),
        of_very_many_the_oldest_go,
    ),
    (
        Mutant("a feed grows for ever", "prelude", "'MAXLEN', '~', FEED_LENGTH, ", ""),
        of_very_many_the_oldest_go,
    ),
    (
        Mutant(
            "a list says it was read at the beginning", "list_jobs", "tonumber(stands[1] or 0)", "0"
        ),
        the_place_of_a_list_is_where_its_feed_stands,
    ),
)
