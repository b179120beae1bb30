"""The processes of a service: what each of them uses, and what it complains of."""

from deploy.observability.boards.board import Row
from deploy.observability.boards.kinds import Lines
from deploy.observability.boards.panels import Query


def processes(job: str) -> Row:
    """Return the row for the processes that `job` scrapes."""
    chosen = f'job="{job}", instance=~"$instance"'
    return Row(
        "Processes",
        (
            Lines(
                title="Processor time",
                says="Cores in use by each process. One event loop cannot use more than one: near "
                "1, add processes.",
                queries=[
                    Query(
                        f"rate(process_cpu_seconds_total{{{chosen}}}[$__rate_interval])",
                        "{{instance}}",
                    )
                ],
                unit="suffix: cores",
                runbook="services",
                width=6,
            ),
            Lines(
                title="Memory",
                says="Resident memory of each process; a worker's slots are processes of their "
                "own and not in it. A line that only rises is a leak.",
                queries=[Query(f"process_resident_memory_bytes{{{chosen}}}", "{{instance}}")],
                unit="bytes",
                runbook="services",
                width=6,
            ),
            Lines(
                title="Open files",
                says="Sockets and files of each process, and how many it may have.",
                queries=[
                    Query(f"process_open_fds{{{chosen}}}", "{{instance}}"),
                    Query(f"min(process_max_fds{{{chosen}}})", "limit"),
                ],
                unit="short",
                logarithmic=True,
                runbook="services",
                width=6,
            ),
            Lines(
                title="Warnings and errors logged",
                says="Lines at WARNING and above, by process. What they say is in the logs.",
                queries=[
                    Query(
                        "sum by (instance, level) "
                        f"(rate(waymark_log_lines_total{{{chosen}}}[$__rate_interval]))",
                        "{{instance}} {{level}}",
                    )
                ],
                unit="suffix:/s",
                runbook="services",
                width=6,
            ),
        ),
    )
