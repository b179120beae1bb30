"""RabbitMQ and Redis: do they answer, do they keep, how much room have they left."""

from typing import Final

from deploy.observability.boards.board import Board, Choice
from deploy.observability.boards.broker import BROKER_ROOM, BROKER_WORK
from deploy.observability.boards.store import STORE_ROOM, STORE_WORK

DEPENDENCIES: Final = Board(
    uid="waymark-dependencies",
    title="RabbitMQ and Redis",
    says="The broker and the store, by what of them hurts us; and how much room they have left.",
    rows=(BROKER_WORK, BROKER_ROOM, STORE_WORK, STORE_ROOM),
    choices=(
        Choice("broker", "RabbitMQ", 'up{job="rabbitmq"}', "instance"),
        Choice("store", "Redis", 'up{job="redis"}', "instance"),
    ),
)
