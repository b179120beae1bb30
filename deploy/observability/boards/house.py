"""The house: are users hurt, since when, where. The first board of a bad night."""

from typing import Final

from deploy.observability.boards.board import Board, Row
from deploy.observability.boards.colours import BAD, GOOD, ODD, WARNING
from deploy.observability.boards.kinds import Column, Lines, States, Table, Tile
from deploy.observability.boards.panels import Query, Steps

FIRING: Final = 'ALERTS{alertstate="firing", severity=~"page|ticket"}'

HURT: Final = Row(
    "Are users hurt, and since when?",
    (
        Tile(
            title="Pages",
            says="Alerts that call somebody, firing now. Which, and since when: the table below.",
            queries=[Query('count(ALERTS{alertstate="firing", severity="page"}) or vector(0)')],
            unit="short",
            steps=Steps(bad=1),
            runbook="services",
        ),
        Tile(
            title="Submits refused",
            says="Share of valid submits that we answered with 5xx or a job-level 'unavailable', "
            "over 5 minutes. The objective is 0.1 % a month; from 1.44 % on a month's budget is "
            "gone in two days. Callers retry; what was accepted is safe.",
            queries=[Query("waymark:submit_errors:ratio_rate5m")],
            unit="percentunit",
            steps=Steps(warn=0.001, bad=0.0144),
            runbook="submits",
            decimals=2,
        ),
        Tile(
            title="Jobs failed",
            says="Share of ended jobs that failed, by the house or by their own type; a handler's "
            "own Fail is a verdict and not counted. The table below says which types.",
            queries=[Query("sum(waymark:job_failures:ratio_rate5m)")],
            unit="percentunit",
            steps=Steps(warn=0.01, bad=0.05),
            runbook="jobs",
            decimals=2,
        ),
        Tile(
            title="Longest wait",
            says="Age of the eldest job that might start and does not, of all queues. Rising "
            "without end: nobody takes from that queue, or far too few.",
            queries=[Query("max(waymark:queue_oldest_age_seconds:max)")],
            unit="s",
            steps=Steps(warn=60, bad=300),
            runbook="queues",
            decimals=0,
        ),
        Tile(
            title="Wait to start, p95",
            says="How long 95 % of jobs waited at most from when they might start to when they "
            "did, in the worst queue. Past 10 s users notice.",
            queries=[Query("max(waymark:queue_wait_seconds:p95_rate5m)")],
            unit="s",
            steps=Steps(warn=10, bad=60),
            runbook="queues",
            decimals=2,
        ),
        Tile(
            title="Step to browser, p99",
            says="From the store's script to the last socket, of 99 % of the steps. Past 1 s "
            "nobody sees jobs live; the jobs themselves run.",
            queries=[Query('waymark:publish_to_socket_seconds:p99_rate5m{type="transition"}')],
            unit="s",
            steps=Steps(warn=0.25, bad=1),
            runbook="stream",
            decimals=3,
        ),
    ),
)

WHAT: Final = Row(
    "What flows: in, out, and how fast",
    (
        Lines(
            title="Submits",
            says="By what became of them. `unavailable` is ours, `over_quota` and `invalid` are "
            "the callers'. A hole is an outage, or callers that cannot reach us.",
            queries=[
                Query(
                    "sum by (outcome) (rate(waymark_jobs_submissions_total[$__rate_interval]))",
                    "{{outcome}}",
                )
            ],
            unit="suffix:/s",
            stacked=True,
            runbook="submits",
        ),
        Lines(
            title="Jobs ended",
            says="By outcome. Below what comes in, queues grow; red is looked at by type below.",
            queries=[
                Query(
                    "sum by (outcome) (rate(waymark_jobs_finished_total[$__rate_interval]))",
                    "{{outcome}}",
                ),
                Query(
                    "sum(rate(waymark_jobs_dead_lettered_total[$__rate_interval]))", "dead-lettered"
                ),
            ],
            unit="suffix:/s",
            runbook="jobs",
        ),
        Lines(
            title="How long a submit takes",
            says="From a checked request to a job that is safe: on record and confirmed by the "
            "broker. The objective: 99 % within 0.5 s.",
            queries=[
                Query("waymark:submit_duration_seconds:p50_rate5m", "p50"),
                Query("waymark:submit_duration_seconds:p99_rate5m", "p99"),
            ],
            unit="s",
            steps=Steps(bad=0.5),
            runbook="submits",
        ),
        Lines(
            title="Error budget, how fast it burns",
            says="1 uses a month's budget up in a month; above 14.4 over an hour and 6 over six "
            "hours somebody is called. The hour says how bad, the six hours for how long.",
            queries=[
                Query("waymark:submit_errors:ratio_rate1h / 0.001", "submits refused, 1 h"),
                Query("waymark:submit_errors:ratio_rate6h / 0.001", "submits refused, 6 h"),
                Query("waymark:submit_slow:ratio_rate1h / 0.01", "submits slow, 1 h"),
                Query(
                    'waymark:job_failures:ratio_rate1h{cause="house"} / 0.001',
                    "jobs the house failed, 1 h",
                ),
                Query(
                    'waymark:job_failures:ratio_rate1h{cause="type"} / 0.01',
                    "jobs their types failed, 1 h",
                ),
            ],
            unit="suffix:x",
            steps=Steps(warn=6, bad=14.4),
            runbook="submits",
            width=12,
        ),
        Lines(
            title="Jobs at work and in line",
            says="Unfinished jobs by state. Queued that grows while running stays: too few slots, "
            "or slots that stand still. Retrying that grows: something that jobs call is down.",
            queries=[Query("sum by (state) (waymark:jobs_states:max)", "{{state}}")],
            unit="short",
            stacked=True,
            runbook="queues",
            width=12,
        ),
    ),
)

WHERE: Final = Row(
    "Where?",
    (
        Table(
            title="Alerts",
            says="What fires now, the eldest first. Nothing here and still trouble: look at Parts, "
            "and whether Prometheus itself scrapes.",
            queries=[Query(f"1000 * (ALERTS_FOR_STATE and ignoring (alertstate) {FIRING})")],
            columns=[
                Column("alertname", "Alert"),
                Column("severity", "Severity"),
                Column("service", "Service"),
                Column("queue", "Queue"),
                Column("type", "Type"),
                Column("instance", "Instance"),
                Column("Value", "Since", unit="dateTimeFromNow"),
            ],
            sort_by="Since",
            descending=False,
            runbook="services",
            width=12,
        ),
        States(
            title="Parts",
            says="Every process that Prometheus knows: green answers, red does not. A worker that "
            "is down costs no job: others take over within 20 s.",
            queries=[Query('up{job!="rabbitmq-queues"}', "{{instance}} ({{job}})")],
            unit="short",
            words={1: ("up", GOOD), 0: ("down", BAD)},
            runbook="services",
            width=12,
        ),
        Table(
            title="Types that fail",
            says="The share of attempts of the last 5 minutes and of the last hour that failed or "
            "crashed. One bad type: its code or what it calls. All of them: ours.",
            queries=[
                Query("topk(10, waymark:type_failures:ratio_rate5m)"),
                Query("topk(10, waymark:type_failures:ratio_rate1h)"),
            ],
            columns=[
                Column("type", "Type"),
                Column("queue", "Queue"),
                Column("Value #A", "5 min", "percentunit", Steps(warn=0.05, bad=0.5)),
                Column("Value #B", "1 h", "percentunit", Steps(warn=0.05, bad=0.5)),
            ],
            sort_by="5 min",
            runbook="jobs",
        ),
        Lines(
            title="Longest wait by queue",
            says="Age of the eldest job that might start. One queue: its workers. All: the broker, "
            "the store or the housekeeping.",
            queries=[Query("waymark:queue_oldest_age_seconds:max", "{{queue}}")],
            unit="s",
            steps=Steps(warn=60, bad=300),
            runbook="queues",
        ),
        Lines(
            title="Slots",
            says="What the workers' slots do. All busy for long: add workers. Frozen: they cannot "
            "renew their leases, the store is away or the worker starved.",
            queries=[Query("waymark:slots:sum", "{{state}}")],
            unit="short",
            stacked=True,
            runbook="workers",
        ),
        Lines(
            title="Warnings and errors logged",
            says="Lines of every service at WARNING and above; the same minute in the logs says "
            "what. Quiet in a healthy house.",
            queries=[
                Query(
                    "sum by (level) (rate(waymark_log_lines_total[$__rate_interval]))", "{{level}}"
                )
            ],
            unit="suffix:/s",
            runbook="services",
            width=6,
        ),
        Lines(
            title="Outbox and dead letters",
            says="Messages that must exist and are not confirmed yet: near 0 but in an outage of "
            "the broker. Dead letters wait for somebody to act; they never expire.",
            queries=[
                Query("waymark:outbox_entries:max", "outbox"),
                Query("sum(waymark:dead_letters:max)", "dead letters"),
            ],
            unit="short",
            colours={"outbox": WARNING, "dead letters": ODD},
            runbook="dead-letters",
            width=6,
        ),
        Lines(
            title="Spans",
            says="Of traces, where they are on. Dropped: the collector is away or slow, or too "
            "many waited; no job waits for it.",
            queries=[
                Query(
                    "sum by (job, outcome) (rate(waymark_trace_spans_total[$__rate_interval]))",
                    "{{job}} {{outcome}}",
                )
            ],
            unit="suffix:/s",
            runbook="services",
            width=6,
        ),
        Table(
            title="Versions",
            says="What runs, and how many processes of it. Two versions of one service for longer "
            "than a deploy: it is stuck.",
            queries=[Query("count by (service, version, revision) (waymark_build_info)")],
            columns=[
                Column("service", "Service"),
                Column("version", "Version"),
                Column("revision", "Revision"),
                Column("Value", "Processes"),
            ],
            runbook="services",
            width=6,
        ),
    ),
)

HOUSE: Final = Board(
    uid="waymark-house",
    title="House",
    says="Are users hurt, since when, where. The other boards go deeper.",
    rows=(HURT, WHAT, WHERE),
)
