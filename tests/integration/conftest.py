"""What several tests of one service start."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.notifier_process import NotifierProcess


@pytest.fixture
def start_notifier(tmp_path: Path) -> Iterator[Callable[..., NotifierProcess]]:
    born: list[NotifierProcess] = []

    def start(redis_url: str, **settings: str) -> NotifierProcess:
        born.append(NotifierProcess(redis_url, tmp_path / f"log-{len(born)}", **settings))
        born[-1].start()
        return born[-1]

    yield start
    for it in born:
        it.kill()
