"""The gauges of the outbox: told by whoever has the duty, and not frozen by who has lost it."""

from services.gateway.housekeeping.duty import Duty
from services.gateway.housekeeping.looking import STALE_SECONDS
from services.gateway.housekeeping.metrics import OutboxMetrics
from services.gateway.housekeeping.outbox_watch import OutboxWatch
from services.gateway.metrics import Metrics
from shared.contracts.operations import Submit
from tests.fakes.hands import HandClock
from tests.fakes.registry import FakeRegistry
from tests.fakes.store import AsyncFakeStore, FakeStore


class Scene:
    """A store with two tenants, each with one message that nobody has confirmed."""

    def __init__(self) -> None:
        self.store = FakeStore()
        self.registry = FakeRegistry(tenants=["acme", "dev"])
        self.metrics = Metrics()
        self.clock = HandClock()
        self.duty = Duty("sweeper", holder="g1", registry=self.registry)
        self.watch = OutboxWatch(
            store=AsyncFakeStore(self.store),
            registry=self.registry,
            duty=self.duty,
            metrics=self.metrics,
            outbox=OutboxMetrics(self.metrics.registry),
            monotonic=self.clock.monotonic,
        )
        for tenant in ("acme", "dev"):
            self.submit(tenant)
            self.store.now += 2_000

    def submit(self, tenant: str) -> None:
        self.store.do(
            Submit(
                tenant=tenant,
                job="01938c5e-0000-7000-8000-000000000001",
                type="demo",
                type_version=1,
                queue="default",
                priority=5,
                payload="{}",
                max_attempts=3,
                labels={},
                submitted_by="key:dev",
            )
        )

    def told(self) -> tuple[float | None, float | None]:
        value = self.metrics.registry.get_sample_value
        return value("waymark_outbox_entries"), value("waymark_outbox_oldest_age_seconds")


async def test_what_all_tenants_owe_is_told_together_with_the_age_of_the_eldest() -> None:
    scene = Scene()
    assert scene.told() == (None, None)

    await scene.watch.look()

    assert scene.told() == (2, 4.0)


async def test_a_house_that_owes_nothing_says_so() -> None:
    scene = Scene()
    scene.registry.joined.clear()

    await scene.watch.look()

    assert scene.told() == (0, 0.0)


async def test_who_loses_the_duty_tells_nothing_any_more() -> None:
    scene = Scene()
    await scene.duty._renew()
    await scene.watch.turn()
    assert scene.told() == (2, 4.0)

    scene.registry.leases["sweeper"] = ("g2", 3_000)
    await scene.duty._renew()
    await scene.watch.turn()

    assert scene.told() == (None, None)


async def test_a_hiccup_of_the_store_leaves_the_last_values_and_an_outage_does_not() -> None:
    scene = Scene()
    await scene.duty._renew()
    await scene.watch.turn()
    scene.store.away = True

    scene.clock.now += 1.0
    await scene.watch.turn()
    assert scene.told() == (2, 4.0)
    scene.clock.now += STALE_SECONDS
    await scene.watch.turn()
    assert scene.told() == (None, None)
