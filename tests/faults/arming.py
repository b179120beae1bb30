"""A stage whose processes die at the step that a test arms."""

from pathlib import Path

from tests.eventually import eventually
from tests.faults.sabotage import ARMED_VARIABLE, Patch, copy_with_crash_points
from tests.faults.stage import Stage

# Short leases: what dies with its lease is taken over within seconds.
SHORT_LEASE = {"WAYMARK_LEASE_MS": "6000", "WAYMARK_HEARTBEAT_MS": "1000"}


class Arming:
    """The stage whose code has crash points, and the file that arms one."""

    def __init__(self, folder: Path, *patches: Patch) -> None:
        self._armed = folder / "armed"
        code = copy_with_crash_points(folder / "code", *patches)
        settings = {ARMED_VARIABLE: str(self._armed), **SHORT_LEASE}
        self.stage = Stage(folder / "house", code=code, workers=1, **settings)

    def arm(self, step: str) -> None:
        """Let the next process that comes to `step` ("worker before Claim") die there."""
        draft = self._armed.with_suffix(".draft")
        draft.write_text(step)
        draft.rename(self._armed)

    def disarm(self) -> None:
        self._armed.unlink(missing_ok=True)

    def wait_dead(self, service: str) -> None:
        """Wait until the armed step was reached and the process is gone."""
        eventually(lambda: not self._armed.exists(), within=30)
        eventually(lambda: not self.stage.house.service(service).is_running, within=5)
