"""Which keys are valid here: the file's, the store's, and for how long without the store."""

import asyncio
import json
from pathlib import Path

import pytest

from services.gateway.credentials import Scope
from services.gateway.keys.file import KeysFile
from services.gateway.keys.making import hashed, revoked
from services.gateway.keys.ring import STALE_SECONDS, KeyRing
from shared.contracts.api_keys import StoredKey
from shared.contracts.errors import StoreUnavailable
from tests.eventually import eventually_async
from tests.fakes.gateway import a_key
from tests.fakes.key_book import FakeKeyBook


class Hands:
    """A ring over a fake book, and a clock that the test moves."""

    def __init__(self, file: Path | None) -> None:
        self.now = 1000.0
        self.book = FakeKeyBook()
        self.ring = KeyRing(
            KeysFile(file),
            self.book,
            monotonic=lambda: self.now,
            now_ms=lambda: int(self.now * 1000),
        )

    async def put(self, id_: str) -> None:
        key = StoredKey(
            id=id_,
            tenant="acme",
            scopes=("read", "fly"),
            name="",
            secrets=(hashed("s"),),
            created_at=0,
            created_by="",
        )
        version, _ = await self.book.read()
        await self.book.put(key, version=version)


@pytest.fixture
def hands(tmp_path: Path) -> Hands:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps([a_key("filed", tenant="dev")]))
    return Hands(file)


async def test_a_key_made_a_moment_ago_is_found_when_it_is_shown(hands: Hands) -> None:
    await hands.ring.look_again()
    await hands.put("fresh")
    assert hands.ring.find("fresh") is None

    hands.now += 1
    await hands.ring.look_again()

    key = hands.ring.find("fresh")
    assert key is not None
    assert key.tenant == "acme"
    assert key.scopes == {Scope.READ}


async def test_a_thousand_unknown_keys_at_once_cost_the_store_two_looks(hands: Hands) -> None:
    await asyncio.gather(*(hands.ring.look_again() for _ in range(1000)))

    assert hands.book.looks <= 2


async def test_looks_that_were_asked_for_keep_a_distance(tmp_path: Path) -> None:
    book = FakeKeyBook()
    ring = KeyRing(KeysFile(None), book, now_ms=lambda: 0)
    started = asyncio.get_running_loop().time()

    for _ in range(3):
        await ring.look_again()

    assert asyncio.get_running_loop().time() - started >= 0.35


async def test_while_the_store_is_away_what_was_read_is_valid_for_a_time(hands: Hands) -> None:
    await hands.put("stored")
    await hands.ring.look_again()
    hands.book.away = True

    hands.now += STALE_SECONDS
    assert hands.ring.find("stored")
    hands.now += 1
    with pytest.raises(StoreUnavailable):
        hands.ring.find("stored")
    assert hands.ring.find("filed")
    assert hands.ring.find("nobody") is None


async def test_a_store_that_is_away_is_asked_once_a_second_only(hands: Hands) -> None:
    hands.book.away = True
    with pytest.raises(StoreUnavailable):
        await hands.ring.look_again()
    hands.book.away = False

    with pytest.raises(StoreUnavailable):
        await hands.ring.look_again()
    hands.now += 1
    await hands.ring.look_again()


async def test_a_wiped_store_leaves_the_keys_of_the_file(hands: Hands) -> None:
    await hands.put("stored")
    await hands.ring.look_again()
    assert hands.ring.find("stored")

    hands.book.wipe()
    hands.now += 1
    await hands.ring.look_again()

    assert hands.ring.find("stored") is None
    assert hands.ring.find("filed")


async def test_of_a_key_in_both_places_the_file_counts(hands: Hands) -> None:
    await hands.put("filed")
    await hands.ring.look_again()

    key = hands.ring.find("filed")

    assert key is not None
    assert key.tenant == "dev"


async def test_the_ring_follows_the_book_and_notes_which_keys_are_used(hands: Hands) -> None:
    following = asyncio.create_task(hands.ring.follow())
    await hands.put("stored")
    hands.ring.note_use("stored")
    hands.now += 11

    async def noted() -> bool:
        return hands.book.times == {"stored": 1_000_000} and bool(hands.ring.find("stored"))

    await eventually_async(noted)
    following.cancel()


async def test_without_any_key_the_ring_complains(tmp_path: Path) -> None:
    nobody, missing = Hands(None), Hands(tmp_path / "missing.json")
    assert nobody.ring.complaint
    assert missing.ring.complaint

    await nobody.put("stored")
    await nobody.ring.look_again()

    assert nobody.ring.complaint is None


async def test_a_store_that_went_back_in_time_brings_no_revoked_key_back(hands: Hands) -> None:
    for id_ in ("one", "two"):
        await hands.put(id_)
    before = dict(hands.book.keys)
    for id_ in ("one", "two"):
        version, keys = await hands.book.read()
        await hands.book.put(revoked(keys[id_], now=5), version=version)
    await hands.ring.look_again()

    hands.book.keys.update(before)
    hands.book.changed()
    for _ in range(3):
        hands.now += 1
        await hands.ring.look_again()
        found = [hands.ring.find(id_) for id_ in ("one", "two")]
        assert [key.revoked_at for key in found if key] == [5, 5]

    assert [hands.book.keys[id_].revoked_at for id_ in ("one", "two")] == [5, 5]


async def test_a_wiped_store_does_not_revive_the_tokens_of_a_revoked_key(hands: Hands) -> None:
    await hands.put("leaked")
    await hands.ring.look_again()
    version, keys = await hands.book.read()
    await hands.book.put(revoked(keys["leaked"], now=5), version=version)
    hands.now += 1
    await hands.ring.look_again()

    hands.book.wipe()
    hands.now += 1
    await hands.ring.look_again()

    found = hands.ring.find("leaked")
    assert found is not None
    assert found.revoked_at == 5
    assert hands.ring.find("never there") is None
