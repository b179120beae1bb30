"""The gateway: rate, errors and time of every route, and who was turned away."""

from typing import Final

from deploy.observability.boards.board import Board, Choice, Row
from deploy.observability.boards.colours import BAD, WARNING
from deploy.observability.boards.kinds import Heat, Lines
from deploy.observability.boards.panels import Query, Steps
from deploy.observability.boards.processes import processes

ROUTES: Final = 'route=~"$route"'

REQUESTS: Final = Row(
    "Requests: rate, errors, time",
    (
        Lines(
            title="Requests by route",
            says="Answered requests. A route that falls silent while its neighbours do not: its "
            "callers, or a load balancer in between.",
            queries=[
                Query(
                    "sum by (method, route) "
                    f"(rate(waymark_http_requests_total{{{ROUTES}}}[$__rate_interval])) > 0",
                    "{{method}} {{route}}",
                )
            ],
            unit="reqps",
            runbook="submits",
        ),
        Lines(
            title="Answers by status",
            says="5xx are ours: 503 says that a store is away or that we shed, 500 is a mistake. "
            "4xx are the callers': 401 and 403 their keys, 422 their payloads, 429 their rate.",
            queries=[
                Query(
                    "sum by (status) "
                    f"(rate(waymark_http_requests_total{{{ROUTES}}}[$__rate_interval])) > 0",
                    "{{status}}",
                )
            ],
            unit="reqps",
            colours={"500": BAD, "503": WARNING},
            logarithmic=True,
            runbook="submits",
        ),
        Lines(
            title="Time to answer, p99 by route",
            says="Long polls (`Prefer: wait`) are meant to take long; everything else is not.",
            queries=[
                Query(
                    "histogram_quantile(0.99, sum by (route, le) (rate("
                    "waymark_http_request_duration_seconds_bucket"
                    f"{{{ROUTES}}}[$__rate_interval]))) > 0",
                    "{{route}}",
                )
            ],
            unit="s",
            runbook="submits",
        ),
    ),
)

SUBMITS: Final = Row(
    "Submits, from a checked request to a safe job",
    (
        Heat(
            title="Time of a submit",
            says="Every submit by how long it took. Two bands: a part of them waits for something, "
            "as a rule for the broker's confirm.",
            queries=[
                Query(
                    "sum by (le) "
                    "(increase(waymark_jobs_submit_duration_seconds_bucket[$__rate_interval]))",
                    "{{le}}",
                )
            ],
            unit="s",
            runbook="submits",
        ),
        Lines(
            title="Submits by outcome",
            says="`withheld`: on record, but the broker has not confirmed in time; the sweeper "
            "publishes it. `replayed` and `deduplicated`: callers that repeat themselves, safely.",
            queries=[
                Query(
                    "sum by (outcome) (rate(waymark_jobs_submissions_total[$__rate_interval]))",
                    "{{outcome}}",
                )
            ],
            unit="suffix:/s",
            logarithmic=True,
            runbook="submits",
        ),
        Lines(
            title="Time until the broker confirms",
            says="From handing messages over together to the last confirm. Slow here and fast in "
            "Redis: the broker's disk, or a raft that waits for a follower.",
            queries=[
                Query(
                    "histogram_quantile(0.5, sum by (le) (rate("
                    "waymark_jobs_publish_duration_seconds_bucket"
                    '{job="waymark-gateway", result="confirmed"}[$__rate_interval])))',
                    "p50",
                ),
                Query(
                    "histogram_quantile(0.99, sum by (le) (rate("
                    "waymark_jobs_publish_duration_seconds_bucket"
                    '{job="waymark-gateway", result="confirmed"}[$__rate_interval])))',
                    "p99",
                ),
            ],
            unit="s",
            steps=Steps(bad=0.5),
            runbook="rabbitmq",
        ),
        Lines(
            title="Turned away at the gate",
            says="Before anybody looked at what was asked: no or wrong credentials, over a rate, "
            "the store away. One tenant with an old key looks like this.",
            queries=[
                Query(
                    "sum by (reason) (rate(waymark_http_refusals_total[$__rate_interval])) > 0",
                    "{{reason}}",
                )
            ],
            unit="reqps",
            runbook="keys",
            width=12,
        ),
        Lines(
            title="Mistakes of ours",
            says="Answers 500, exceptions in what runs beside the requests, audit lines that could "
            "not be kept. Each one is to be reported; its stack is in the log.",
            queries=[
                Query(
                    "sum(rate(waymark_http_unexpected_errors_total[$__rate_interval]))",
                    "answers 500",
                ),
                Query(
                    "sum(rate(waymark_audit_entries_lost_total[$__rate_interval]))", "audit lost"
                ),
                Query(
                    "sum by (where) (rate(waymark_gateway_faults_total[$__rate_interval])) > 0",
                    "{{where}}",
                ),
            ],
            unit="suffix:/s",
            colours={"answers 500": BAD, "audit lost": WARNING},
            runbook="services",
            width=12,
        ),
    ),
)

FRONT_DOOR: Final = Board(
    uid="waymark-front-door",
    title="Front door",
    says="The gateways: every route by rate, errors and time; submits until they are safe.",
    rows=(REQUESTS, SUBMITS, processes("waymark-gateway")),
    choices=(
        Choice("route", "Route", "waymark_http_requests_total", "route"),
        Choice("instance", "Gateway", 'up{job="waymark-gateway"}', "instance"),
    ),
)
