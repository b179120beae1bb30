"""Housekeeping: what heals the house, whether it runs, and how much it has to heal."""

from typing import Final

from deploy.observability.boards.board import Board, Row
from deploy.observability.boards.colours import BAD, CALM, GOOD, NOTICE, ODD, WARNING
from deploy.observability.boards.kinds import Lines
from deploy.observability.boards.panels import Query, Steps

DUTIES: Final = Row(
    "Does every duty run?",
    (
        Lines(
            title="Since the last round",
            says="Of each duty, wherever in the house it was done. `tick` and `sweep` run every "
            "second, the others within a minute; `archive` has no rounds, it waits for messages.",
            queries=[Query('waymark:duty_age_seconds:min{duty!="archive"}', "{{duty}}")],
            unit="s",
            steps=Steps(warn=30, bad=120),
            logarithmic=True,
            runbook="housekeeping",
        ),
        Lines(
            title="Rounds",
            says="A second. A duty that slows down while its rounds take longer has too much to "
            "do, or a slow store.",
            queries=[
                Query(
                    "sum by (duty) (rate(waymark_housekeeping_rounds_total[$__rate_interval]))",
                    "{{duty}}",
                )
            ],
            unit="suffix:/s",
            logarithmic=True,
            runbook="housekeeping",
        ),
        Lines(
            title="Time of a round, p99",
            says="By duty. A sweep that takes longer than its second is behind.",
            queries=[
                Query(
                    "histogram_quantile(0.99, sum by (duty, le) "
                    "(rate(waymark_housekeeping_round_duration_seconds_bucket[$__rate_interval])))",
                    "{{duty}}",
                )
            ],
            unit="s",
            steps=Steps(bad=1),
            logarithmic=True,
            runbook="housekeeping",
        ),
        Lines(
            title="Rounds that failed",
            says="Outages of a store look like this, and pass with them. One duty alone: a bug to "
            "report; its stack is in the log.",
            queries=[
                Query(
                    "sum by (duty) (rate(waymark_housekeeping_failures_total[$__rate_interval]))",
                    "{{duty}}",
                )
            ],
            unit="suffix:/s",
            runbook="housekeeping",
            width=24,
            height=6,
        ),
    ),
)

HEALING: Final = Row(
    "What does it heal?",
    (
        Lines(
            title="Outbox",
            says="Messages that must exist and are not confirmed. It empties itself; growing for "
            "minutes: the broker refuses them, or the sweep stands still.",
            queries=[Query("waymark:outbox_entries:max", "messages")],
            unit="short",
            colours={"messages": WARNING},
            runbook="housekeeping",
        ),
        Lines(
            title="The outbox's eldest",
            says="For how long its eldest message has waited. The sweep publishes what is 5 s old.",
            queries=[Query("waymark:outbox_oldest_age_seconds:max", "age")],
            unit="s",
            steps=Steps(warn=15, bad=60),
            colours={"age": CALM},
            runbook="housekeeping",
        ),
        Lines(
            title="Published again",
            says="`outbox`: a confirm that did not come. `overdue`: a message that the broker "
            "lost, or a store that went back in time. `dead_letter`: its delivery limit. A few "
            "are the price of safety; many are a fault to find.",
            queries=[
                Query(
                    "sum by (reason) (rate(waymark_jobs_republished_total[$__rate_interval]))",
                    "{{reason}}",
                )
            ],
            unit="suffix:/s",
            colours={"outbox": NOTICE, "overdue": BAD, "dead_letter": ODD},
            runbook="housekeeping",
        ),
        Lines(
            title="Leases that ran out",
            says="Attempts whose worker or machine was lost; their jobs run again.",
            queries=[
                Query("sum(rate(waymark_jobs_leases_lost_total[$__rate_interval]))", "leases"),
            ],
            unit="suffix:/s",
            colours={"leases": BAD},
            runbook="workers",
        ),
        Lines(
            title="The dead-letter queue, by verdict",
            says="What the archivist decided about messages the broker gave up: filed (`ack`), "
            "published again, or kept because nobody can decode them.",
            queries=[
                Query(
                    "sum by (verdict) "
                    "(rate(waymark_dead_letter_queue_messages_total[$__rate_interval]))",
                    "{{verdict}}",
                )
            ],
            unit="suffix:/s",
            runbook="dead-letters",
        ),
        Lines(
            title="Dead letters that people dealt with",
            says="Redriven one by one or by campaigns, and discarded.",
            queries=[
                Query(
                    "sum by (via) (rate(waymark_jobs_redriven_total[$__rate_interval]))",
                    "redriven: {{via}}",
                ),
                Query("sum(rate(waymark_jobs_discarded_total[$__rate_interval]))", "discarded"),
            ],
            unit="suffix:/s",
            runbook="dead-letters",
        ),
        Lines(
            title="Ended jobs deleted",
            says="Kept as long as their retention says. None for days while jobs end: the store "
            "fills up.",
            queries=[Query("sum(rate(waymark_jobs_deleted_total[$__rate_interval]))", "deleted")],
            unit="suffix:/s",
            colours={"deleted": CALM},
            runbook="redis-memory",
        ),
        Lines(
            title="Callbacks handed on",
            says="Ends of jobs with a callback_url. Waiting: no worker serves webhook.deliver.",
            queries=[
                Query(
                    "sum by (outcome) (rate(waymark_webhooks_callbacks_total[$__rate_interval]))",
                    "{{outcome}}",
                )
            ],
            unit="suffix:/s",
            colours={"handed_on": GOOD, "waiting": WARNING, "failed": BAD},
            runbook="webhooks",
        ),
        Lines(
            title="Time until a callback is handed on",
            says="From the end of a job until its webhook is a job that is safe.",
            queries=[
                Query(
                    f"histogram_quantile({share}, sum by (le) (rate("
                    "waymark_webhooks_callback_delay_seconds_bucket[$__rate_interval])))",
                    name,
                )
                for share, name in ((0.5, "p50"), (0.95, "p95"))
            ],
            unit="s",
            runbook="webhooks",
        ),
    ),
)

HOUSEKEEPING: Final = Board(
    uid="waymark-housekeeping",
    title="Housekeeping",
    says="What heals the house, whether it runs, and how much it has to heal.",
    rows=(DUTIES, HEALING),
)
