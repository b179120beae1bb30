"""A short storm over the stream, the whole of which is `make chaos-stream`."""

import asyncio
import tempfile
from pathlib import Path

from tests.chaos.stream.faults import OF_NOTIFIERS, OF_REDIS
from tests.chaos.stream.storm import Storm, Weather

# Each fault comes once; what lasts, lasts shorter.
SHORT = Weather(
    seconds=4, seed="2", jobs=60, clients=20, watched=6, pace=0.3, gap=0.2,
    of_redis=[(name, weight, (0.2, 0.8)) for name, weight, _ in OF_REDIS],
    of_notifiers=[(name, weight, (0.2, 0.8)) for name, weight, _ in OF_NOTIFIERS],
)  # fmt: skip


async def test_every_client_sees_every_step_once_whatever_breaks(nodes_folder: Path) -> None:
    storm = Storm(SHORT, Path(tempfile.mkdtemp(prefix="storm-", dir=nodes_folder)))
    try:
        verdict = await storm.run()
    finally:
        await asyncio.to_thread(storm.end)

    assert verdict.flaws == [], verdict.counts
    assert verdict.counts["faults"]["fail over"] >= 1
    assert verdict.counts["shown"]["transitions"] > 100
