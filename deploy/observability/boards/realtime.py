"""The notifiers: who is connected, how late steps reach them, who is slow, who is sent away."""

from typing import Final

from deploy.observability.boards.board import Board, Choice, Row
from deploy.observability.boards.colours import BAD, CALM, GOOD, NOTICE, ODD, WARNING
from deploy.observability.boards.kinds import Lines, States
from deploy.observability.boards.panels import Query, Steps
from deploy.observability.boards.processes import processes

MINE: Final = 'instance=~"$instance"'

WATCHERS: Final = Row(
    "Watchers",
    (
        Lines(
            title="Connections",
            says="Open connections by notifier. All of one notifier's gone at once: it was stopped "
            "or died; they come back elsewhere within seconds.",
            queries=[Query(f"waymark_notifier_connections{{{MINE}}}", "{{instance}}")],
            unit="short",
            runbook="stream",
        ),
        Lines(
            title="Room",
            says="Connections as a share of what a notifier takes. At 1 newcomers are told to try "
            "another one. Nothing here: no limit is set.",
            queries=[
                Query(
                    f"waymark_notifier_connections{{{MINE}}}"
                    f" / (waymark_notifier_connections_limit{{{MINE}}} > 0)",
                    "{{instance}}",
                )
            ],
            unit="percentunit",
            steps=Steps(warn=0.8, bad=0.95),
            least=0,
            most=1,
            runbook="stream",
        ),
        Lines(
            title="What they watch",
            says="Pairs of a connection and a job, and tenants with anybody watching.",
            queries=[
                Query(f"sum(waymark_notifier_subscriptions{{{MINE}}})", "subscriptions"),
                Query(f"sum(waymark_notifier_tenants{{{MINE}}})", "tenants"),
            ],
            unit="short",
            colours={"subscriptions": CALM, "tenants": NOTICE},
            runbook="stream",
        ),
        Lines(
            title="Closed connections by code",
            says="Codes are in docs/stream.md. 4200 is a deploy; 4201 are clients that read too "
            "slowly; 4100 is a mistake of ours; `1000`, `1001` and `1006` are clients that left.",
            queries=[
                Query(
                    "sum by (code) "
                    f"(rate(waymark_notifier_closes_total{{{MINE}}}[$__rate_interval])) > 0",
                    "{{code}}",
                )
            ],
            unit="suffix:/s",
            runbook="stream",
            width=12,
        ),
        Lines(
            title="Refused at the door",
            says="Handshakes by the status they were answered with: 403 a foreign origin, 429 too "
            "many, 503 full, overloaded or draining.",
            queries=[
                Query(
                    "sum by (status) "
                    f"(rate(waymark_notifier_refusals_total{{{MINE}}}[$__rate_interval])) > 0",
                    "{{status}}",
                )
            ],
            unit="suffix:/s",
            runbook="stream",
            width=12,
        ),
    ),
)

LIVE: Final = Row(
    "Is it live?",
    (
        *(
            Lines(
                title=f"{word.capitalize()} to socket",
                says=says,
                queries=[
                    Query(
                        f"histogram_quantile({share}, sum by (le) (rate("
                        "waymark_notifier_publish_to_socket_seconds_bucket"
                        f'{{{MINE}, type="{word}"}}[$__rate_interval])))',
                        name,
                    )
                    for share, name in ((0.5, "p50"), (0.99, "p99"))
                ],
                unit="s",
                steps=Steps(bad=1),
                runbook="stream",
            )
            for word, says in (
                (
                    "transition",
                    "From the store's script to the last socket. The objective: 99 % within 1 s.",
                ),
                (
                    "progress",
                    "The same for progress, with its thinning: 100 ms, more when time is short.",
                ),
            )
        ),
        Lines(
            title="Deliveries",
            says="Events written to a connection, of all watchers together.",
            queries=[
                Query(
                    "sum by (type) "
                    f"(rate(waymark_notifier_deliveries_total{{{MINE}}}[$__rate_interval]))",
                    "{{type}}",
                )
            ],
            unit="suffix:/s",
            colours={"transition": GOOD, "progress": CALM},
            runbook="stream",
        ),
        Lines(
            title="Event loop, how late",
            says="By notifier. Past 0.25 s for long nobody new is let in: more notifiers are "
            "needed, or fewer events.",
            queries=[Query(f"waymark_notifier_loop_lag_seconds{{{MINE}}}", "{{instance}}")],
            unit="s",
            steps=Steps(bad=0.25),
            runbook="stream",
        ),
        Lines(
            title="Progress that was left out",
            says="Because a newer one made it superfluous: of a job that reports too often, on a "
            "slow connection, in a notifier short of time. Steps are never left out.",
            queries=[
                Query(
                    "sum by (by) "
                    f"(rate(waymark_notifier_conflated_total{{{MINE}}}[$__rate_interval]))",
                    "{{by}}",
                )
            ],
            unit="suffix:/s",
            colours={"job": CALM, "connection": WARNING, "process": BAD},
            runbook="stream",
        ),
        Lines(
            title="Events not told yet",
            says="What a notifier has heard and not yet written. It empties within milliseconds, "
            "or the notifier is short of time.",
            queries=[Query(f"waymark_notifier_waiting_events{{{MINE}}}", "{{instance}}")],
            unit="short",
            runbook="stream",
        ),
    ),
)

TROUBLE: Final = Row(
    "Slow clients and lost events",
    (
        Lines(
            title="Slow connections",
            says="Clients that read too slowly now; each harms itself alone, and is closed with "
            "4201 when what waits for it grows past its bound.",
            queries=[Query(f"waymark_notifier_slow_connections{{{MINE}}}", "{{instance}}")],
            unit="short",
            runbook="stream",
            width=6,
        ),
        Lines(
            title="Bytes that wait for them",
            says="Memory that slow clients hold, by notifier.",
            queries=[Query(f"waymark_notifier_waiting_bytes{{{MINE}}}", "{{instance}}")],
            unit="bytes",
            runbook="stream",
            width=6,
        ),
        Lines(
            title="Events lost on the way, and found again",
            says="Holes in a tenant's events, lost connections to Redis, and times that all was "
            "read again because of it. Watchers miss nothing; each costs readings.",
            queries=[
                Query(f"sum(rate(waymark_notifier_holes_total{{{MINE}}}[5m]))", "holes"),
                Query(f"sum(rate(waymark_notifier_resyncs_total{{{MINE}}}[5m]))", "all read again"),
                Query(
                    f"sum(rate(waymark_notifier_feed_reconnects_total{{{MINE}}}[5m]))",
                    "reconnects",
                ),
            ],
            unit="suffix:/s",
            colours={"holes": WARNING, "all read again": BAD, "reconnects": ODD},
            runbook="stream",
            width=6,
        ),
        Lines(
            title="Places read from the store",
            says="One for each new subscription and each hole: a storm of reconnects is seen here "
            "first.",
            queries=[
                Query(
                    f"sum by (instance) (rate(waymark_notifier_readings_total{{{MINE}}}"
                    "[$__rate_interval]))",
                    "{{instance}}",
                )
            ],
            unit="suffix:/s",
            runbook="stream",
            width=6,
        ),
        States(
            title="Draining and overloaded",
            says="Draining: its clients are asked to move, a deploy. Overloaded: nobody new is let "
            "in because its event loop is late.",
            queries=[
                Query(f"waymark_notifier_draining{{{MINE}}}", "{{instance}} draining"),
                Query(f"waymark_notifier_overloaded{{{MINE}}}", "{{instance}} overloaded"),
            ],
            unit="short",
            words={0: ("no", GOOD), 1: ("yes", WARNING)},
            runbook="stream",
            width=12,
        ),
        Lines(
            title="Least time between two progress frames of a job",
            says="0.1 s; more while a notifier is short of time and thins out harder.",
            queries=[
                Query(f"waymark_notifier_progress_interval_seconds{{{MINE}}}", "{{instance}}")
            ],
            unit="s",
            runbook="stream",
            width=12,
        ),
    ),
)

REALTIME: Final = Board(
    uid="waymark-realtime",
    title="Realtime",
    says="Who watches, how late steps reach them, who is slow, who is sent away.",
    rows=(WATCHERS, LIVE, TROUBLE, processes("waymark-notifier")),
    choices=(Choice("instance", "Notifier", 'up{job="waymark-notifier"}', "instance"),),
)
