"""Redis, by what of it hurts us."""

from typing import Final

from deploy.observability.boards.board import Row
from deploy.observability.boards.colours import BAD, CALM, GOOD, WARNING
from deploy.observability.boards.kinds import Lines, States
from deploy.observability.boards.panels import Query, Steps

STORE: Final = 'instance=~"$store"'

STORE_WORK: Final = Row(
    "Redis: does it answer, does it keep?",
    (
        States(
            title="Answers, and keeps what it is told",
            says="Up, able to write its append-only file, able to rewrite it. A store that cannot "
            "write refuses writes: submits answer 503.",
            queries=[
                Query(f"redis_up{{{STORE}}}", "{{instance}} answers"),
                Query(f"redis_aof_last_write_status{{{STORE}}}", "{{instance}} writes"),
                Query(f"redis_aof_last_bgrewrite_status{{{STORE}}}", "{{instance}} rewrites"),
            ],
            unit="short",
            words={1: ("yes", GOOD), 0: ("no", BAD)},
            runbook="redis",
        ),
        Lines(
            title="Commands",
            says="Commands a second. The store is one thread: its processor time beside this is "
            "its limit.",
            queries=[
                Query(
                    f"rate(redis_commands_processed_total{{{STORE}}}[$__rate_interval])",
                    "{{instance}}",
                )
            ],
            unit="suffix:/s",
            runbook="redis",
        ),
        Lines(
            title="Its one thread",
            says="Processor time of the thread that serves commands. Near 1: nothing gets faster "
            "any more, and all latencies rise together.",
            queries=[
                Query(
                    f"rate(redis_cpu_sys_main_thread_seconds_total{{{STORE}}}[$__rate_interval]) + "
                    f"rate(redis_cpu_user_main_thread_seconds_total{{{STORE}}}[$__rate_interval])",
                    "{{instance}}",
                )
            ],
            unit="percentunit",
            steps=Steps(warn=0.7, bad=0.9),
            least=0,
            most=1,
            runbook="redis",
        ),
        Lines(
            title="Mean time of a script",
            says="What one of our scripts costs it. One that grows with time: an index that is "
            "not kept small.",
            queries=[
                Query(
                    "sum by (cmd) (rate(redis_commands_duration_seconds_total"
                    f'{{{STORE}, cmd=~"evalsha|fcall"}}[$__rate_interval])) / '
                    "sum by (cmd) (rate(redis_commands_total"
                    f'{{{STORE}, cmd=~"evalsha|fcall"}}[$__rate_interval]))',
                    "{{cmd}}",
                )
            ],
            unit="s",
            runbook="redis",
        ),
        Lines(
            title="Delayed writes to disk",
            says="Times that the append-only file's fsync held up a command: the disk is slow.",
            queries=[
                Query(
                    f"increase(redis_aof_delayed_fsync{{{STORE}}}[$__rate_interval])",
                    "{{instance}}",
                )
            ],
            unit="short",
            runbook="redis-keeps",
        ),
        Lines(
            title="Refused",
            says="Connections over `maxclients`, and commands that failed. Scripts that are loaded "
            "anew after a restart (NOSCRIPT) are counted too.",
            queries=[
                Query(
                    f"rate(redis_rejected_connections_total{{{STORE}}}[$__rate_interval])",
                    "connections",
                ),
                Query(
                    f"sum(rate(redis_commands_failed_calls_total{{{STORE}}}[$__rate_interval]))",
                    "commands",
                ),
            ],
            unit="suffix:/s",
            colours={"connections": BAD, "commands": WARNING},
            runbook="redis",
        ),
    ),
)

STORE_ROOM: Final = Row(
    "Redis: how much room has it left?",
    (
        Lines(
            title="Redis: memory",
            says="Full, it refuses writes; it must never evict. Retention is what it is filled "
            "with: the runbook has the arithmetic. No limit in sight: none is set.",
            queries=[
                Query(f"redis_memory_used_bytes{{{STORE}}}", "{{instance}}"),
                Query(f"redis_memory_used_rss_bytes{{{STORE}}}", "{{instance}}, resident"),
                Query(f"min(redis_memory_max_bytes{{{STORE}}} > 0)", "limit"),
            ],
            unit="bytes",
            runbook="redis-memory",
            width=6,
        ),
        Lines(
            title="Evicted and expired keys",
            says="An evicted key is a lost job: the policy must be noeviction. Expired ones are "
            "idempotency keys and locks, as meant.",
            queries=[
                Query(f"rate(redis_evicted_keys_total{{{STORE}}}[$__rate_interval])", "evicted"),
                Query(f"rate(redis_expired_keys_total{{{STORE}}}[$__rate_interval])", "expired"),
            ],
            unit="suffix:/s",
            colours={"evicted": BAD, "expired": CALM},
            runbook="redis-keeps",
            width=6,
        ),
        States(
            title="May it evict?",
            says="As our own processes see it: 1 while its policy is not noeviction.",
            queries=[Query("max by (job) (waymark_store_evicts)", "{{job}}")],
            unit="short",
            words={0: ("no", GOOD), 1: ("it may evict", BAD)},
            runbook="redis-keeps",
            width=6,
        ),
        Lines(
            title="Redis: connections",
            says="Connections. Our processes hold a few each, notifiers one more for the events.",
            queries=[
                Query(f"redis_connected_clients{{{STORE}}}", "{{instance}}"),
                Query(f"min(redis_config_maxclients{{{STORE}}})", "limit"),
            ],
            unit="short",
            logarithmic=True,
            runbook="redis",
            width=6,
        ),
    ),
)
