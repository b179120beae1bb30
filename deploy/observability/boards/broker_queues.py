"""Queues from the broker's side: who serves them, what it holds of them."""

from typing import Final

from deploy.observability.boards.board import Row
from deploy.observability.boards.colours import GOOD, ODD
from deploy.observability.boards.kinds import Lines, States
from deploy.observability.boards.panels import Query

OF_QUEUE: Final = 'queue=~"$queue"'

BROKER_QUEUES: Final = Row(
    "Queues: who serves them, what the broker holds",
    (
        Lines(
            title="Workers by queue",
            says="Live workers that serve a queue. None while jobs wait: nothing moves.",
            queries=[
                Query(f"max by (queue) (waymark_queue_workers{{{OF_QUEUE}}})", "{{queue}}"),
            ],
            unit="short",
            runbook="queues",
            width=6,
        ),
        States(
            title="Paused",
            says="Queues that an operator lets rest; who and why: `waymark queues`.",
            queries=[Query(f"max by (queue) (waymark_queue_paused{{{OF_QUEUE}}})", "{{queue}}")],
            unit="short",
            words={0: ("open", GOOD), 1: ("paused", ODD)},
            runbook="queues",
            width=6,
        ),
        Lines(
            title="Messages ready in the broker",
            says="Messages that wait for a consumer, by AMQP queue; `waymark.dead` should be "
            "empty, its messages are filed at once.",
            queries=[
                Query(
                    'rabbitmq_detailed_queue_messages_ready{queue!~"waymark.delay.*"}', "{{queue}}"
                )
            ],
            unit="short",
            runbook="rabbitmq",
            width=6,
        ),
        Lines(
            title="Messages on the delay ladder",
            says="Retries, scheduled jobs and copies that a claim sent round, by level: level n "
            "keeps them 250 ms * 2ⁿ.",
            queries=[
                Query(
                    'rabbitmq_detailed_queue_messages_ready{queue=~"waymark.delay.*"} > 0',
                    "{{queue}}",
                )
            ],
            unit="short",
            stacked=True,
            runbook="rabbitmq",
            width=6,
        ),
        Lines(
            title="In work, as the broker sees it",
            says="Messages handed out and not yet acknowledged, by AMQP queue: what runs and what "
            "waits in the workers' prefetch.",
            queries=[
                Query(
                    'rabbitmq_detailed_queue_messages_unacked{queue!~"waymark.delay.*"}',
                    "{{queue}}",
                )
            ],
            unit="short",
            runbook="rabbitmq",
            width=12,
        ),
        Lines(
            title="Consumers",
            says="By AMQP queue. `waymark.dead` has one a gateway at most; a work queue has one a "
            "worker that serves it, none while it is paused.",
            queries=[
                Query(
                    'rabbitmq_detailed_queue_consumers{queue!~"waymark.delay.*"}',
                    "{{queue}}",
                )
            ],
            unit="short",
            runbook="rabbitmq",
            width=12,
        ),
    ),
)
