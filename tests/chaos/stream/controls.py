"""A judge that never finds fault proves nothing: notifiers and clients with one rule less.

Nothing in the product knows of it: the notifier runs from a patched copy of the code. One control
must pass: places that come late, with all rules kept; without the buffer it must not.
"""

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

from tests.chaos.stream.faults import NO_FAULTS, ONLY_LISTENERS
from tests.chaos.stream.storm import Storm, Weather
from tests.faults.sabotage import Patch, copy_of_the_code

GENTLE = Weather(
    seconds=4, seed="1", jobs=120, clients=24, watched=20, pace=0.4, gap=0.5, patience=5,
    of_redis=ONLY_LISTENERS, of_notifiers=NO_FAULTS,
)  # fmt: skip

_MERGE = "shared/stream/merge.py"
_SWITCHBOARD = "shared/stream/switchboard.py"
# What happens between the reading of a place and its arrival is what the buffer is for.
LATE = Patch(
    "shared/stream/readings.py",
    "            for (job, reading), answer in zip(",
    "            await pause(0.1)\n            for (job, reading), answer in zip(",
)
SERVER_REPEATS = Patch(
    _MERGE,
    "        return _DROP\n    expected",
    "        return _APPLY\n    expected",
)
NO_BUFFER = Patch(
    _MERGE,
    "            self._hold(event)\n            return _DROP\n",
    "            return _DROP\n",
)
NO_RESYNC = Patch(
    _SWITCHBOARD,
    "        self.gaps += 1\n        told = 0\n",
    "        self.gaps += 1\n        return\n        told = 0\n",
)
# The next event of a tenant tells that others are missing: that would do, but for the last ones.
NO_HOLES = Patch(
    _SWITCHBOARD,
    "        self.holes += 1\n",
    "        self.holes += 1\n        return\n",
)


@dataclass(frozen=True)
class Control:
    """What is switched off; `passes`: the one that must go well."""

    weather: Weather = GENTLE
    patches: tuple[Patch, ...] = ()
    passes: bool = False


CONTROLS: dict[str, Control] = {
    "late places": Control(patches=(LATE,), passes=True),
    "late places, no buffer": Control(patches=(LATE, NO_BUFFER)),
    "a server that repeats": Control(patches=(SERVER_REPEATS,)),
    "a client that repeats": Control(weather=replace(GENTLE, dedupes=False)),
    "no resync": Control(patches=(NO_RESYNC, NO_HOLES)),
}


@dataclass(frozen=True)
class Noticed:
    """Whether a control ended as it must."""

    name: str
    flaws: list[str]
    passes: bool

    @property
    def ok(self) -> bool:
        return self.passes == (not self.flaws)

    def __str__(self) -> str:
        verdict = "as it must be" if self.ok else "WRONG"
        example = f"; e.g. {self.flaws[0]}" if self.flaws else ""
        return f"control '{self.name}': {len(self.flaws)} flaws, {verdict}{example}"


def run_control(name: str, folder: Path, *, seed: str) -> Noticed:
    """Run one of `CONTROLS` in an empty folder."""
    control = CONTROLS[name]
    code = copy_of_the_code(folder / "code", *control.patches)
    storm = Storm(replace(control.weather, seed=seed), folder, code)
    try:
        verdict = asyncio.run(storm.run())
    finally:
        storm.end()
    return Noticed(name, verdict.flaws, control.passes)
