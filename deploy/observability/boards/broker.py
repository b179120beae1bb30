"""RabbitMQ, by what of it hurts us."""

from typing import Final

from deploy.observability.boards.board import Row
from deploy.observability.boards.colours import BAD, CALM, GOOD, NOTICE, ODD, WARNING
from deploy.observability.boards.kinds import Lines, States
from deploy.observability.boards.panels import Query, Steps

BROKER: Final = 'instance=~"$broker"'
# raft_entry_… until RabbitMQ 4.1, raft_max_… from 4.2 on; a node has one of them.
COMMIT_LATENCY: Final = '__name__=~"rabbitmq_raft_(entry|max)_commit_latency_seconds"'


def _dead_lettered(why: str, *, safe: bool = True) -> str:
    strategy = f'dead_letter_strategy{"=" if safe else "!="}"at_least_once"'
    return f"rabbitmq_global_messages_dead_lettered_{why}_total{{{BROKER}, {strategy}}}"


BROKER_WORK: Final = Row(
    "RabbitMQ: is it taking messages?",
    (
        States(
            title="Alarms",
            says="An alarm blocks every publisher: submits answer 503, and what must be published "
            "waits in the outbox.",
            queries=[
                Query(f"rabbitmq_alarms_memory_used_watermark{{{BROKER}}}", "{{instance}} memory"),
                Query(
                    f"rabbitmq_alarms_free_disk_space_watermark{{{BROKER}}}", "{{instance}} disk"
                ),
                Query(f"rabbitmq_alarms_file_descriptor_limit{{{BROKER}}}", "{{instance}} files"),
            ],
            unit="short",
            words={0: ("no alarm", GOOD), 1: ("alarm", BAD)},
            runbook="rabbitmq",
        ),
        Lines(
            title="Time until it confirms, p99",
            says="As our publishers see it, by service. The broker answers after a majority has "
            "the message on disk.",
            queries=[
                Query(
                    "histogram_quantile(0.99, sum by (job, le) (rate("
                    'waymark_jobs_publish_duration_seconds_bucket{result="confirmed"}'
                    "[$__rate_interval])))",
                    "{{job}}",
                )
            ],
            unit="s",
            steps=Steps(bad=0.5),
            runbook="rabbitmq",
        ),
        Lines(
            title="Time of a commit in its logs",
            says="By node: the disk, and the slowest of a majority. Rises before confirms do.",
            queries=[
                Query(f"{{{COMMIT_LATENCY}, {BROKER}}}", "{{instance}}"),
            ],
            unit="s",
            runbook="rabbitmq",
        ),
        Lines(
            title="Messages in and out",
            says="Received from publishers, confirmed to them, handed to consumers and "
            "acknowledged by them. Delivered above acknowledged for long: work piles up.",
            queries=[
                Query(
                    f"sum(rate(rabbitmq_global_messages_{word}_total{{{BROKER}}}[$__rate_interval]))",
                    word,
                )
                for word in ("received", "confirmed", "delivered", "acknowledged")
            ],
            unit="suffix:/s",
            colours={
                "received": CALM,
                "confirmed": "light-blue",
                "delivered": NOTICE,
                "acknowledged": GOOD,
            },
            runbook="rabbitmq",
        ),
        Lines(
            title="Messages that went wrong",
            says="Redelivered: their worker died or was cut off. Unroutable: a queue is missing; "
            "returned ones are told to the publisher, dropped ones would be lost (never ours).",
            queries=[
                Query(
                    f"sum(rate(rabbitmq_global_messages_{name}_total{{{BROKER}}}[$__rate_interval]))",
                    word,
                )
                for name, word in (
                    ("redelivered", "redelivered"),
                    ("unroutable_returned", "unroutable, returned"),
                    ("unroutable_dropped", "unroutable, dropped"),
                )
            ],
            unit="suffix:/s",
            colours={
                "redelivered": WARNING,
                "unroutable, returned": ODD,
                "unroutable, dropped": BAD,
            },
            runbook="rabbitmq",
        ),
        Lines(
            title="Dead-lettered by why",
            says="Expired ones are the delay ladder at work. `unsafe` must be 0: a queue that does "
            "not dead-letter at least once can lose what it gives up.",
            queries=[
                *(
                    Query(f"sum(rate({_dead_lettered(why)}[$__rate_interval]))", word)
                    for why, word in (
                        ("expired", "expired"),
                        ("rejected", "rejected"),
                        ("delivery_limit", "delivered too often"),
                    )
                ),
                Query(
                    " + ".join(
                        f"sum(rate({_dead_lettered(why, safe=False)}[$__rate_interval]))"
                        for why in ("expired", "rejected", "delivery_limit", "maxlen")
                    ),
                    "unsafe",
                ),
            ],
            unit="suffix:/s",
            colours={
                "expired": CALM,
                "rejected": WARNING,
                "delivered too often": ODD,
                "unsafe": BAD,
            },
            runbook="rabbitmq",
        ),
    ),
)

BROKER_ROOM: Final = Row(
    "RabbitMQ: how much room has it left?",
    (
        Lines(
            title="RabbitMQ: memory",
            says="At the limit an alarm blocks all publishers.",
            queries=[
                Query(f"rabbitmq_process_resident_memory_bytes{{{BROKER}}}", "{{instance}}"),
                Query(f"min(rabbitmq_resident_memory_limit_bytes{{{BROKER}}})", "limit"),
            ],
            unit="bytes",
            runbook="rabbitmq",
            width=6,
        ),
        Lines(
            title="RabbitMQ: free disk",
            says="Below the limit an alarm blocks all publishers.",
            queries=[
                Query(f"rabbitmq_disk_space_available_bytes{{{BROKER}}}", "{{instance}}"),
                Query(f"max(rabbitmq_disk_space_available_limit_bytes{{{BROKER}}})", "limit"),
            ],
            unit="bytes",
            logarithmic=True,
            runbook="rabbitmq",
            width=6,
        ),
        Lines(
            title="RabbitMQ: open files",
            says="Connections and files of the node, and how many it may have.",
            queries=[
                Query(f"rabbitmq_process_open_fds{{{BROKER}}}", "{{instance}}"),
                Query(f"min(rabbitmq_process_max_fds{{{BROKER}}})", "limit"),
            ],
            unit="short",
            logarithmic=True,
            runbook="rabbitmq",
            width=6,
        ),
        Lines(
            title="RabbitMQ: connections",
            says="One for each of our processes to publish, and one for each worker to consume. "
            "More, or a rate of new ones: somebody reconnects.",
            queries=[
                Query(f"rabbitmq_connections{{{BROKER}}}", "{{instance}}"),
                Query(
                    f"sum(rate(rabbitmq_connections_opened_total{{{BROKER}}}[$__rate_interval]))",
                    "opened a second",
                ),
            ],
            unit="short",
            colours={"opened a second": WARNING},
            runbook="rabbitmq",
            width=6,
        ),
    ),
)
