"""Who was revoked: told once, remembered for good, and asked for cheaply."""

from collections.abc import Collection

import pytest

from services.notifier.revocations import Revocations
from shared.contracts.api_keys import StoredKey
from shared.contracts.errors import StoreUnavailable
from tests.fakes.key_book import FakeKeyBook


class Hands:
    def __init__(self) -> None:
        self.book = FakeKeyBook()
        self.told: list[set[str]] = []
        self.revocations = Revocations(self.book, self.hear)

    def hear(self, keys: Collection[str]) -> None:
        self.told.append(set(keys))

    async def put(self, id_: str, *, revoked_at: int | None = None) -> None:
        key = StoredKey(
            id=id_, tenant="acme", scopes=(), name="", secrets=(), created_at=1, created_by="",
            revoked_at=revoked_at,
        )  # fmt: skip
        await self.book.put(key, version=await self.book.version())


@pytest.fixture
def hands() -> Hands:
    return Hands()


async def test_a_key_that_is_revoked_is_told_once(hands: Hands) -> None:
    await hands.put("a")
    await hands.put("b", revoked_at=5)
    await hands.revocations.look()
    await hands.put("a", revoked_at=6)
    await hands.revocations.look()
    await hands.put("c")
    await hands.revocations.look()

    assert hands.told == [{"b"}, {"a"}]
    assert [hands.revocations.is_revoked(key) for key in ("a", "b", "c", "")] == [
        True, True, False, False,
    ]  # fmt: skip


async def test_a_store_that_forgets_does_not_revive_a_key(hands: Hands) -> None:
    await hands.put("a", revoked_at=5)
    await hands.revocations.look()

    hands.book.wipe()
    await hands.put("a")
    await hands.revocations.look()

    assert hands.revocations.is_revoked("a")


async def test_what_was_missed_while_the_store_was_away_is_read_when_it_is_back(
    hands: Hands,
) -> None:
    await hands.put("a")
    await hands.revocations.look()
    await hands.put("a", revoked_at=5)
    hands.book.away = True
    with pytest.raises(StoreUnavailable):
        await hands.revocations.look()
    assert not hands.told

    hands.book.away = False
    await hands.revocations.look()

    assert hands.told == [{"a"}]
