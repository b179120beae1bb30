"""What Redis says of its eviction policy and its file, and what is made of it."""

from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from shared.adapters.store_redis.keeping import Keeping, StoreKeeping, look
from shared.contracts.errors import StoreUnavailable

GOOD = Keeping("noeviction", appends=True)
EVICTS = Keeping("allkeys-lru", appends=True)
NO_FILE = Keeping("noeviction", appends=False)

MEMORY = b"# Memory\r\nused_memory:1\r\nmaxmemory_policy:volatile-ttl\r\n"
PERSISTENCE = b"# Persistence\r\nloading:0\r\naof_enabled:0\r\n"


def answering(**answers: object) -> Callable[..., Awaitable[object]]:
    """Return a Redis that gives None, "forbidden", to every other command."""

    async def ask(*command: str) -> object:
        return answers.get("_".join(word.replace("-", "_") for word in command))

    return ask


class Redis:
    """Tells what it is given to tell; None: it is away."""

    def __init__(self) -> None:
        self.tells: Keeping | None = GOOD

    async def keeping(self) -> Keeping:
        if self.tells is None:
            raise StoreUnavailable
        return self.tells


@pytest.fixture
def redis() -> Redis:
    return Redis()


@pytest.fixture
def keeping(redis: Redis) -> StoreKeeping:
    return StoreKeeping(redis.keeping)


async def test_info_tells_both_without_a_right_to_config() -> None:
    ask = answering(INFO_memory=MEMORY, INFO_persistence=PERSISTENCE)

    assert await look(ask) == Keeping("volatile-ttl", appends=False)


async def test_where_info_is_forbidden_config_tells_the_policy() -> None:
    ask = answering(CONFIG_GET_maxmemory_policy=[b"maxmemory-policy", b"noeviction"])

    assert await look(ask) == Keeping("noeviction", appends=None)


async def test_where_both_are_forbidden_nothing_is_known() -> None:
    assert await look(answering()) == Keeping(None, appends=None)


def test_nobody_is_ready_before_redis_was_asked(keeping: StoreKeeping) -> None:
    assert keeping.complaint is not None
    assert keeping.evicting is None


async def test_a_store_that_keeps_everything_is_fit_and_not_worth_a_word(
    keeping: StoreKeeping,
) -> None:
    with capture_logs() as said:
        await keeping.look_again()

    assert (keeping.complaint, keeping.evicting, said) == (None, None, [])


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-lru", "allkeys-random"])
async def test_any_other_policy_is_unfit_and_the_complaint_says_what_to_do(
    redis: Redis, keeping: StoreKeeping, policy: str
) -> None:
    redis.tells = Keeping(policy, appends=True)
    await keeping.look_again()

    complaint = keeping.complaint or ""
    assert keeping.evicting == complaint
    assert policy in complaint
    assert "CONFIG SET maxmemory-policy noeviction" in complaint


async def test_each_change_of_the_policy_is_one_line(redis: Redis, keeping: StoreKeeping) -> None:
    with capture_logs() as said:
        for tells in (GOOD, EVICTS, EVICTS, GOOD, GOOD):
            redis.tells = tells
            await keeping.look_again()

    assert [line["event"] for line in said] == ["store_evicts", "store_keeps_everything"]


async def test_what_was_found_stands_while_redis_is_away(
    redis: Redis, keeping: StoreKeeping
) -> None:
    redis.tells = EVICTS
    await keeping.look_again()
    redis.tells = None
    with pytest.raises(StoreUnavailable):
        await keeping.look_again()

    assert keeping.evicting is not None


async def test_a_policy_that_nobody_may_ask_for_is_trusted_and_said_once(
    redis: Redis, keeping: StoreKeeping
) -> None:
    redis.tells = Keeping(None, appends=None)
    with capture_logs() as said:
        for _ in range(3):
            await keeping.look_again()

    assert keeping.complaint is None
    assert [line["event"] for line in said] == ["store_policy_unknown"]


async def test_a_store_without_a_file_is_fit_and_said_at_each_connect(
    redis: Redis, keeping: StoreKeeping
) -> None:
    redis.tells = NO_FILE
    with capture_logs() as said:
        for _ in range(3):
            await keeping.look_again()
        redis.tells = None
        with pytest.raises(StoreUnavailable):
            await keeping.look_again()
        redis.tells = NO_FILE
        await keeping.look_again()

    assert keeping.complaint is None
    assert [line["event"] for line in said] == ["store_not_durable", "store_not_durable"]
