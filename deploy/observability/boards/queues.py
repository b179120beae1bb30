"""Queues and types: what goes in, waits, runs, fails; which queue, which type."""

from typing import Final

from deploy.observability.boards.board import Board, Choice, Row
from deploy.observability.boards.broker_queues import BROKER_QUEUES, OF_QUEUE
from deploy.observability.boards.colours import CALM, GOOD, NOTICE
from deploy.observability.boards.kinds import Column, Heat, Lines, Table
from deploy.observability.boards.panels import Query, Steps

OF_BOTH: Final = 'queue=~"$queue", type=~"$type"'

FLOW: Final = Row(
    "In and out",
    (
        Lines(
            title="Jobs in, begun, out",
            says="Accepted submits, attempts begun (retries too) and jobs ended. In above out for "
            "long: the queue grows.",
            queries=[
                Query(
                    "sum(rate(waymark_jobs_submissions_total"
                    f'{{{OF_QUEUE}, outcome="accepted"}}[$__rate_interval]))',
                    "in",
                ),
                Query(
                    f"sum(rate(waymark_jobs_started_total{{{OF_BOTH}}}[$__rate_interval]))", "begun"
                ),
                Query(
                    f"sum(rate(waymark_jobs_finished_total{{{OF_BOTH}}}[$__rate_interval]))", "out"
                ),
            ],
            unit="suffix:/s",
            colours={"in": CALM, "begun": NOTICE, "out": GOOD},
            runbook="queues",
        ),
        Lines(
            title="Unfinished jobs by state",
            says="Of the chosen queues. Scheduled ones wait for their time, retrying ones for "
            "their back-off: neither needs a slot yet.",
            queries=[
                Query(
                    f"sum by (state) (max by (queue, state) (waymark_jobs_states{{{OF_QUEUE}}}))",
                    "{{state}}",
                )
            ],
            unit="short",
            stacked=True,
            runbook="queues",
        ),
        Lines(
            title="Longest wait by queue",
            says="Age of the eldest job that might start and does not.",
            queries=[
                Query(
                    f"max by (queue) (waymark_jobs_queue_oldest_age_seconds{{{OF_QUEUE}}})",
                    "{{queue}}",
                )
            ],
            unit="s",
            steps=Steps(warn=60, bad=300),
            runbook="queues",
        ),
    ),
)

WAIT: Final = Row(
    "How long it takes",
    (
        Heat(
            title="Wait before the first attempt",
            says="From when a job might have started to when it did. A second band far above the "
            "first: some queue, or some priority, starves.",
            queries=[
                Query(
                    "sum by (le) (increase(waymark_jobs_queue_wait_seconds_bucket"
                    f"{{{OF_QUEUE}}}[$__rate_interval]))",
                    "{{le}}",
                )
            ],
            unit="s",
            runbook="queues",
            width=6,
        ),
        Lines(
            title="Waited for more than 10 s",
            says="Share of jobs, by queue, of an hour and of 5 minutes. Nothing is promised for "
            "all queues; for those that people look at, promise something.",
            queries=[
                Query(
                    f"waymark:queue_wait_slow:ratio_rate{window}{{{OF_QUEUE}}}",
                    f"{{{{queue}}}}, {word}",
                )
                for window, word in (("1h", "1 h"), ("5m", "5 min"))
            ],
            unit="percentunit",
            least=0,
            most=1,
            runbook="queues",
            width=6,
        ),
        Lines(
            title="Run time by type, p95",
            says="How long attempts run. One that doubles: its code, or what it calls.",
            queries=[
                Query(
                    "histogram_quantile(0.95, sum by (type, le) (rate("
                    f"waymark_jobs_run_duration_seconds_bucket{{{OF_BOTH}}}[$__rate_interval])))",
                    "{{type}}",
                )
            ],
            unit="s",
            logarithmic=True,
            runbook="jobs",
            width=6,
        ),
        Lines(
            title="From submit to end, p95 by outcome",
            says="Waiting, running and retrying together: what a user sees. Failed jobs take as "
            "long as their retries.",
            queries=[
                Query(
                    "histogram_quantile(0.95, sum by (outcome, le) (rate("
                    f"waymark_jobs_end_to_end_seconds_bucket{{{OF_QUEUE}}}[$__rate_interval])))",
                    "{{outcome}}",
                )
            ],
            unit="s",
            logarithmic=True,
            runbook="jobs",
            width=6,
        ),
    ),
)

TROUBLE: Final = Row(
    "What goes wrong",
    (
        Lines(
            title="Attempts by outcome",
            says="An attempt that fails is retried while it has attempts left; `worker_lost` and "
            "`interrupted` cost a job none.",
            queries=[
                Query(
                    "sum by (outcome) "
                    f"(rate(waymark_jobs_attempts_total{{{OF_BOTH}}}[$__rate_interval]))",
                    "{{outcome}}",
                )
            ],
            unit="suffix:/s",
            logarithmic=True,
            runbook="jobs",
        ),
        Lines(
            title="Retries by why",
            says="`asked`: the handler raised Retry. Time limits and crashes are worth a look at "
            "the type; exceptions that jump up, at what it calls.",
            queries=[
                Query(
                    "sum by (reason) "
                    f"(rate(waymark_jobs_retries_total{{{OF_BOTH}}}[$__rate_interval]))",
                    "{{reason}}",
                )
            ],
            unit="suffix:/s",
            logarithmic=True,
            runbook="jobs",
        ),
        Lines(
            title="Failed jobs by type and code",
            says="The ten most frequent. `handler`: the handler's own Fail; everything else is a "
            "code of the house, explained in the runbook.",
            queries=[
                Query(
                    "topk(10, sum by (type, code) (rate(waymark_jobs_finished_total"
                    f'{{{OF_BOTH}, outcome="failed"}}[$__rate_interval]))) > 0',
                    "{{type}}: {{code}}",
                )
            ],
            unit="suffix:/s",
            runbook="jobs",
        ),
        Lines(
            title="New dead letters by why",
            says="Failed jobs that may be redriven. Attempts exhausted: it failed every time. "
            "Poison: it killed its slot twice. Unknown type: no worker knows it.",
            queries=[
                Query(
                    "sum by (reason) "
                    f"(rate(waymark_jobs_dead_lettered_total{{{OF_BOTH}}}[$__rate_interval]))",
                    "{{reason}}",
                )
            ],
            unit="suffix:/s",
            runbook="dead-letters",
        ),
        Lines(
            title="Dead letters that wait",
            says="In the whole house, until somebody redrives or discards them; they never expire.",
            queries=[Query("waymark:dead_letters:max", "{{reason}}")],
            unit="short",
            stacked=True,
            runbook="dead-letters",
        ),
        Table(
            title="Types",
            says="Each type now: attempts begun a second, the share that failed in 5 minutes and "
            "in an hour.",
            queries=[
                Query(f"sum by (queue, type) (rate(waymark_jobs_started_total{{{OF_BOTH}}}[5m]))"),
                Query(f"waymark:type_failures:ratio_rate5m{{{OF_BOTH}}}"),
                Query(f"waymark:type_failures:ratio_rate1h{{{OF_BOTH}}}"),
            ],
            columns=[
                Column("type", "Type"),
                Column("queue", "Queue"),
                Column("Value #A", "Begun", "suffix:/s"),
                Column("Value #B", "Failed, 5 min", "percentunit", Steps(warn=0.05, bad=0.5)),
                Column("Value #C", "Failed, 1 h", "percentunit", Steps(warn=0.05, bad=0.5)),
            ],
            sort_by="Failed, 5 min",
            runbook="jobs",
        ),
    ),
)

QUEUES: Final = Board(
    uid="waymark-queues",
    title="Queues and types",
    says="Which queue waits, which type fails, why, and what the broker holds.",
    rows=(FLOW, WAIT, TROUBLE, BROKER_QUEUES),
    choices=(
        Choice("queue", "Queue", "waymark_jobs_states", "queue"),
        Choice("type", "Type", 'waymark_jobs_started_total{queue=~"$queue"}', "type"),
    ),
)
