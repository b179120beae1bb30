"""What one may say when one pauses a queue, or lets it go on. Pure."""

import re
from typing import Final

from services.gateway.requests.fields import Broken, Fields, a_text

LONGEST_REASON: Final = 1_000  # characters
VISIBLE: Final = re.compile(r"[!-~\u00a1-\U0010ffff]")


def parse_pause(body: object) -> str:
    """Return the reason in a body `{reason}`; whoever is on call next wants to know it.

    Raises:
        Invalid: there is none, or more than that.
    """
    fields = Fields(body)
    reason = fields.required("reason", _a_reason)
    fields.finish()
    return reason or ""


def parse_resume(body: object) -> str | None:
    """Return the reason in a body `{reason?}`; raises Invalid."""
    fields = Fields(body)
    reason = fields.optional("reason", a_text(longest=LONGEST_REASON))
    fields.finish()
    return reason


def _a_reason(value: object) -> str:
    reason = a_text(longest=LONGEST_REASON)(value)
    if VISIBLE.search(reason) is None:
        raise Broken("Say why, for whoever finds it paused.")
    return reason
