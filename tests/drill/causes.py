"""The causes that are planted, and the alert that must tell of each."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.drill.pager import PAGER, TICKETS
from tests.drill.site import Site
from tests.drill.verdict import Expected

WATCHERS = 8


def _nothing(_site: Site) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One drill; all times in seconds."""

    name: str
    plant: Callable[[Site], None]
    expected: tuple[Expected, ...] = ()
    prepare: Callable[[Site], None] = _nothing
    heal: Callable[[Site], None] = _nothing
    stays: float = 60.0  # after the alert came: what else does it bring about?
    aftermath: float = 120.0  # after it was healed: what comes of that?
    tickets_allowed: bool = True
    consequences: str = ""  # a regular expression: Prometheus must have seen one that was held back


def _run_fickle(site: Site) -> None:
    site.types.append("drill.fickle")


def _break_neighbour(site: Site) -> None:
    site.broken.touch()


def _mend_neighbour(site: Site) -> None:
    site.broken.unlink()


def _poison(site: Site) -> None:
    site.submit("drill.poison")


def _staff(site: Site) -> None:
    site.staff_the_spare_queue()
    site.submit("drill.spare")


def _take_the_worker(site: Site) -> None:
    site.house.service("worker.2").stop(within=20)
    site.lookout.aim()
    site.types.append("drill.spare")


def _bring_the_worker(site: Site) -> None:
    site.house.service("worker.2").start()
    site.lookout.aim()


def _freeze_redis(site: Site) -> None:
    site.house.redis.freeze()


def _thaw_redis(site: Site) -> None:
    site.house.redis.thaw()


def _freeze_rabbitmq(site: Site) -> None:
    site.house.rabbitmq.freeze()


def _thaw_rabbitmq(site: Site) -> None:
    site.house.rabbitmq.thaw()


def _kill_the_worker(site: Site) -> None:
    site.house.service("worker").kill()


def _start_the_worker(site: Site) -> None:
    site.house.service("worker").start()


def _freeze_notifier(site: Site) -> None:
    site.house.service("notifier").freeze()


def _thaw_notifier(site: Site) -> None:
    notifier = site.house.service("notifier")
    notifier.thaw()
    notifier.launch()  # its watchdog may have ended it: an orchestrator would start it anew


def _stall(site: Site) -> None:
    site.types.append("drill.bulky")
    site.stall_watchers(WATCHERS)


def _deploy(site: Site) -> None:
    """Restart every process of the house, one after the other, as a deploy does."""
    for name in ("worker", "gateway", "notifier"):
        site.house.service(name).restart()


CAUSES = (
    Cause(
        name="a failing type",
        prepare=_run_fickle,
        plant=_break_neighbour,
        heal=_mend_neighbour,
        expected=(Expected("TypeFailing", PAGER, 300, {"type": "drill.fickle"}),),
    ),
    Cause(
        name="a poison job",
        plant=_poison,
        expected=(Expected("PoisonJob", TICKETS, 120, {"type": "drill.poison"}),),
    ),
    Cause(
        name="a queue without workers",
        prepare=_staff,
        plant=_take_the_worker,
        heal=_bring_the_worker,
        expected=(Expected("QueueWithoutWorkers", PAGER, 240, {"queue": "drill-spare"}),),
    ),
    Cause(
        name="a frozen Redis",
        plant=_freeze_redis,
        heal=_thaw_redis,
        expected=(Expected("RedisDown", PAGER, 180),),
        stays=180.0,  # long enough for every consequence to fire in Prometheus
        aftermath=480.0,  # and for their windows to be remembered
        consequences="DutyStalled|SubmitErrorBudgetBurn",
    ),
    Cause(
        name="a frozen RabbitMQ",
        plant=_freeze_rabbitmq,
        heal=_thaw_rabbitmq,
        expected=(Expected("RabbitMQDown", PAGER, 180),),
        stays=180.0,
        aftermath=480.0,
        consequences="SubmitErrorBudgetBurn|OutboxStuck",
    ),
    Cause(
        name="the last worker gone",
        plant=_kill_the_worker,
        heal=_start_the_worker,
        expected=(Expected("ServiceDown", PAGER, 240, {"service": "worker"}),),
        stays=120.0,
        aftermath=300.0,
        consequences="QueueWithoutWorkers",
    ),
    Cause(
        name="a stalled notifier",
        plant=_freeze_notifier,
        heal=_thaw_notifier,
        expected=(Expected("ServiceDown", PAGER, 240, {"service": "notifier"}),),
    ),
    Cause(
        name="clients that read slowly",
        plant=_stall,
        expected=(Expected("SlowCloses", TICKETS, 180),),
    ),
)
_BY_NAME = {cause.name: cause for cause in CAUSES}
HEALTHY = Cause(
    name="control: a healthy house is deployed",
    plant=_deploy,
    stays=0.0,
    aftermath=420.0,
    tickets_allowed=False,
)


@dataclass(frozen=True, kw_only=True)
class Tampered:
    """A drill in which the judge must find fault; `finds`: how the flaw begins."""

    name: str
    cause: Cause
    tamper: Callable[[Site], None]
    finds: str


TAMPERED = (
    Tampered(
        name="control: an alert that is taken away is missed",
        cause=replace(_BY_NAME["a poison job"], stays=0.0, aftermath=0.0),
        tamper=lambda site: site.without_the_alert("PoisonJob"),
        finds="missed: PoisonJob",
    ),
    Tampered(
        name="control: consequences that nobody holds back are seen",
        cause=replace(_BY_NAME["a frozen Redis"], aftermath=0.0),
        tamper=lambda site: site.without_inhibition(),
        finds=f"besides: {PAGER}",
    ),
)
