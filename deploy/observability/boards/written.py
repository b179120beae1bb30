"""What the boards are as files."""

import json
from pathlib import Path
from typing import Final

from deploy.observability.boards.dependencies import DEPENDENCIES
from deploy.observability.boards.front_door import FRONT_DOOR
from deploy.observability.boards.house import HOUSE
from deploy.observability.boards.housekeeping import HOUSEKEEPING
from deploy.observability.boards.queues import QUEUES
from deploy.observability.boards.realtime import REALTIME
from deploy.observability.boards.workers import WORKERS

FOLDER: Final = Path(__file__).resolve().parents[1] / "dashboards"
BOARDS: Final = (HOUSE, FRONT_DOOR, QUEUES, WORKERS, REALTIME, DEPENDENCIES, HOUSEKEEPING)


def documents() -> dict[Path, str]:
    """Return every dashboard's file and text."""
    return {
        FOLDER / f"{board.uid.removeprefix('waymark-')}.json": json.dumps(
            board.as_json(), indent=2, ensure_ascii=False
        )
        + "\n"
        for board in BOARDS
    }
