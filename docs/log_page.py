"""The page of every line that the log may hold."""

from docs import log_lines
from docs.pages import MADE_FROM, table

HOW_TO_READ_LINES = (
    "A line is one JSON object on stderr (readable text on a terminal). Lines about a job have "
    "`job_id`, `tenant`, `type`, `queue`, `attempt`, `trace_id` and `submitted_by`, as far as they "
    "are known; each step of a job is one line at INFO, from the process that made it. No line has "
    "a payload, a result, the text of a handler's error, a key, a token or a callback URL. "
    "`WAYMARK_LOG_LEVEL` sets what is told."
)


def logs() -> str:
    """List what a log line may say, the steps of a job, and every other event."""
    found: dict[str, list[log_lines.Line]] = {}
    for line in log_lines.lines():
        if line.event:
            found.setdefault(line.event, []).append(line)
    others = [(event, group) for event, group in found.items() if event not in log_lines.STEPS]
    parts = [
        "# Log lines",
        MADE_FROM.format(source="every call that writes one"),
        HOW_TO_READ_LINES,
        "## The steps of a job",
        table(
            ("event", "means", "told by"),
            [
                (f"`{event}`", meaning, _tellers(found[event]))
                for event, meaning in log_lines.STEPS.items()
                if event in found
            ],
        ),
        "## Fields",
        table(
            ("field", "means"),
            [(f"`{name}`", meaning) for name, meaning in log_lines.FIELDS.items()],
        ),
        "## Every other event",
        table(
            ("event", "level", "told by", "fields"),
            [
                (f"`{event}`", _levels(group), _tellers(group), _fields(group))
                for event, group in others
            ],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _tellers(lines: list[log_lines.Line]) -> str:
    rooms = {
        line.where.split(".")[1 if line.where.startswith("services.") else 0] for line in lines
    }
    return ", ".join(sorted("every service" if room == "shared" else room for room in rooms))


def _levels(lines: list[log_lines.Line]) -> str:
    return ", ".join(sorted({line.level for line in lines}))


def _fields(lines: list[log_lines.Line]) -> str:
    told = {log_lines.LIBRARY.get(name, name) for line in lines for name in line.fields}
    return ", ".join(sorted(told))
