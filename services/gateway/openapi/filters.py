"""What the API says of the parameters by which a list of jobs is narrowed down."""

from typing import Any, Final

from services.gateway.openapi.schemas import TIME
from services.gateway.requests.jobs import LABEL, MAX_LABEL_VALUE, QUEUE, TYPE
from shared.contracts.lifecycle import State


def _filter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


LIST_FILTERS: Final[tuple[dict[str, Any], ...]] = (
    _filter("state", "Only jobs in this state.", {"enum": [state.value for state in State]}),
    _filter("type", "Only jobs of this type.", {"type": "string", "pattern": f"^{TYPE.pattern}$"}),
    _filter(
        "queue", "Only jobs of this queue.", {"type": "string", "pattern": f"^{QUEUE.pattern}$"}
    ),
    _filter("created_after", "Only jobs made then or later.", TIME),
    _filter("created_before", "Only jobs made before.", TIME),
    {
        "style": "form",
        "explode": True,
        **_filter(
            "labels",
            "`label.<name>=<value>`: only jobs with this label; several: with all of them.",
            {
                "type": "object",
                "patternProperties": {
                    rf"^label\.{LABEL.pattern}$": {"type": "string", "maxLength": MAX_LABEL_VALUE},
                },
                "additionalProperties": False,
            },
        ),
    },
)
