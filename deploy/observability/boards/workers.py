"""The workers: are there enough slots, are they at work, what kills or stops them."""

from typing import Final

from deploy.observability.boards.board import Board, Choice, Row
from deploy.observability.boards.colours import BAD, CALM, GOOD, ODD, WARNING
from deploy.observability.boards.kinds import Heat, Lines
from deploy.observability.boards.panels import Query, Steps
from deploy.observability.boards.processes import processes

MINE: Final = 'instance=~"$instance"'

USE: Final = Row(
    "Slots: use and want",
    (
        Lines(
            title="Slots by state",
            says="Busy ones run a handler, starting ones claim a delivery, frozen ones may not go "
            "on until their lease is renewed.",
            queries=[Query(f"sum by (state) (waymark_worker_slots{{{MINE}}})", "{{state}}")],
            unit="short",
            stacked=True,
            runbook="workers",
        ),
        Lines(
            title="Slots in use",
            says="Share of slots that run something, by worker. Above 70 % waits grow fast: add "
            "workers before 100 %.",
            queries=[
                Query(
                    "sum by (instance) (avg_over_time("
                    f'waymark_worker_slots{{{MINE}, state!="idle"}}[$__rate_interval]))'
                    " / sum by (instance) "
                    f"(avg_over_time(waymark_worker_slots{{{MINE}}}[$__rate_interval]))",
                    "{{instance}}",
                )
            ],
            unit="percentunit",
            steps=Steps(warn=0.7, bad=0.95),
            least=0,
            most=1,
            runbook="workers",
        ),
        Lines(
            title="Attempts at work by queue",
            says="What the slots are used for. One queue that takes them all starves the others.",
            queries=[
                Query(f"sum by (queue) (waymark_jobs_in_flight{{{MINE}}})", "{{queue}}"),
            ],
            unit="short",
            stacked=True,
            runbook="workers",
        ),
        Heat(
            title="Run time of attempts",
            says="All attempts by how long they ran: what the slots' time goes into.",
            queries=[
                Query(
                    "sum by (le) (increase(waymark_jobs_run_duration_seconds_bucket"
                    f"{{{MINE}}}[$__rate_interval]))",
                    "{{le}}",
                )
            ],
            unit="s",
            runbook="workers",
        ),
        Lines(
            title="Wait before the first attempt",
            says="The want: how long jobs waited for one of these workers.",
            queries=[
                Query(
                    f"histogram_quantile({share}, sum by (le) (rate("
                    f"waymark_jobs_queue_wait_seconds_bucket{{{MINE}}}[$__rate_interval])))",
                    name,
                )
                for share, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
            ],
            unit="s",
            steps=Steps(bad=10),
            logarithmic=True,
            runbook="queues",
        ),
        Lines(
            title="Time to stop a cancelled attempt, p95",
            says="By the last rung that was needed: asked, then the soft signal, then the kill. "
            "Kills that rise: handlers that do not listen.",
            queries=[
                Query(
                    "histogram_quantile(0.95, sum by (rung, le) (rate("
                    "waymark_jobs_cancel_duration_seconds_bucket"
                    f"{{{MINE}}}[$__rate_interval])))",
                    "{{rung}}",
                )
            ],
            unit="s",
            runbook="workers",
        ),
    ),
)

HARM: Final = Row(
    "What stops or kills attempts",
    (
        Lines(
            title="Slots that died",
            says="By how, while their worker lived: a signal (segfault, the kernel's out-of-memory "
            "killer), an exit of the handler's own, our memory limit. Two in one life of a job "
            "make it poison.",
            queries=[
                Query(
                    "sum by (cause) (rate("
                    f"waymark_worker_slot_crashes_total{{{MINE}}}[$__rate_interval]))",
                    "{{cause}}",
                )
            ],
            unit="suffix:/s",
            colours={"signal": BAD, "exit": WARNING, "memory": ODD},
            runbook="workers",
        ),
        Lines(
            title="Frozen slots",
            says="Slot seconds a second that stood still because a lease was not renewed. Above 0: "
            "Redis slow or away, or the worker's own loop starved.",
            queries=[
                Query(
                    "sum by (instance) (rate("
                    f"waymark_worker_frozen_seconds_total{{{MINE}}}[$__rate_interval]))",
                    "{{instance}}",
                )
            ],
            unit="short",
            runbook="workers",
        ),
        Lines(
            title="Leases",
            says="Leases that ran out (worker or machine lost; the jobs run again) and renewals "
            "that the store refused or left unanswered.",
            queries=[
                Query("sum(rate(waymark_jobs_leases_lost_total[$__rate_interval]))", "ran out"),
                Query(
                    "sum by (result) (rate(waymark_worker_renewals_total"
                    f'{{{MINE}, result!="ok"}}[$__rate_interval]))',
                    "renewal: {{result}}",
                ),
            ],
            unit="suffix:/s",
            colours={"ran out": BAD},
            runbook="workers",
        ),
    ),
)

MESSAGES: Final = Row(
    "Messages: what is delivered and what becomes of it",
    (
        Lines(
            title="Claims by answer",
            says="What the store said to each delivered message. `run` is work; `stale`, `final` "
            "and `live` are copies that healing left, harmless in small numbers.",
            queries=[
                Query(
                    "sum by (result) "
                    f"(rate(waymark_jobs_claims_total{{{MINE}}}[$__rate_interval]))",
                    "{{result}}",
                )
            ],
            unit="suffix:/s",
            logarithmic=True,
            runbook="workers",
        ),
        Lines(
            title="Settled deliveries",
            says="Acknowledged, given back (a drain, a lost claim), or sent to the dead letters.",
            queries=[
                Query(
                    "sum by (answer) "
                    f"(rate(waymark_worker_deliveries_total{{{MINE}}}[$__rate_interval]))",
                    "{{answer}}",
                )
            ],
            unit="suffix:/s",
            logarithmic=True,
            runbook="workers",
        ),
        Lines(
            title="Trouble with the broker",
            says="Connections made to consume, deliveries whose connection was gone when they were "
            "settled (they come again and are found finished), deliveries that it took back.",
            queries=[
                Query(
                    "sum(rate("
                    f"waymark_worker_consumer_connects_total{{{MINE}}}[$__rate_interval]))",
                    "connects",
                ),
                Query(
                    f"sum(rate(waymark_worker_stale_settles_total{{{MINE}}}[$__rate_interval]))",
                    "settled too late",
                ),
                Query(
                    "sum(rate("
                    f"waymark_worker_consumer_timeouts_total{{{MINE}}}[$__rate_interval]))",
                    "taken back",
                ),
            ],
            unit="suffix:/s",
            colours={"connects": CALM, "settled too late": WARNING, "taken back": BAD},
            runbook="rabbitmq",
        ),
        Lines(
            title="Webhooks",
            says="Attempts to deliver. Retried ones come again for a day; given up ones are dead "
            "letters that can be redriven.",
            queries=[
                Query(
                    "sum by (outcome) (rate("
                    f"waymark_webhooks_deliveries_total{{{MINE}}}[$__rate_interval]))",
                    "{{outcome}}",
                )
            ],
            unit="suffix:/s",
            colours={"delivered": GOOD, "retried": WARNING, "given_up": BAD},
            runbook="webhooks",
        ),
        Lines(
            title="Time of a webhook delivery",
            says="Until the receiver has answered. Near its time limit: the receiver is slow, and "
            "its deliveries fill slots.",
            queries=[
                Query(
                    f"histogram_quantile({share}, sum by (le) (rate("
                    "waymark_webhooks_delivery_duration_seconds_bucket"
                    f"{{{MINE}}}[$__rate_interval])))",
                    name,
                )
                for share, name in ((0.5, "p50"), (0.95, "p95"))
            ],
            unit="s",
            runbook="webhooks",
        ),
        Lines(
            title="Mistakes of ours",
            says="Exceptions that reached an outermost loop. Each one is a bug to report; its "
            "stack is in the log.",
            queries=[
                Query(
                    "sum by (where) "
                    f"(rate(waymark_worker_faults_total{{{MINE}}}[$__rate_interval]))",
                    "{{where}}",
                )
            ],
            unit="suffix:/s",
            runbook="services",
        ),
    ),
)

WORKERS: Final = Board(
    uid="waymark-workers",
    title="Workers",
    says="Are there enough slots, are they at work, and what kills or stops attempts.",
    rows=(USE, HARM, MESSAGES, processes("waymark-worker")),
    choices=(Choice("instance", "Worker", 'up{job="waymark-worker"}', "instance"),),
)
