"""The book of API keys, in memory and on a real Redis."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis

from shared.adapters.store_redis import RedisKeyBook
from shared.adapters.store_redis.key_book import MOST_KEYS
from shared.contracts.api_keys import KeySecret, PutVerdict, StoredKey
from shared.ports import KeyBook
from tests.fakes.key_book import FakeKeyBook


def a_key(id_: str, name: str = "") -> StoredKey:
    return StoredKey(
        id=id_,
        tenant="acme",
        scopes=("read",),
        name=name,
        secrets=(KeySecret(sha256="0" * 64),),
        created_at=1,
        created_by="key:sre",
    )


@pytest.fixture(params=["fake", "redis"])
async def book(request: pytest.FixtureRequest) -> AsyncIterator[KeyBook]:
    if request.param == "fake":
        yield FakeKeyBook()
        return
    real = RedisKeyBook(request.getfixturevalue("redis_url"), deadline=2.0)
    yield real
    await real.close()


async def test_an_empty_book_has_no_version_and_each_change_another(book: KeyBook) -> None:
    versions = [await book.version()]
    for name in ("a", "b"):
        assert await book.put(a_key("k", name), version=versions[-1]) is PutVerdict.DONE
        versions.append(await book.version())

    assert versions[0] == ""
    assert len(set(versions)) == 3
    assert await book.read() == (versions[-1], {"k": a_key("k", "b")})


async def test_of_two_changes_at_once_one_is_told_to_read_again(book: KeyBook) -> None:
    version, _ = await book.read()

    verdicts = await asyncio.gather(
        *(book.put(a_key(id_), version=version) for id_ in ("one", "two"))
    )

    assert sorted(verdicts) == [PutVerdict.CHANGED, PutVerdict.DONE]
    _, keys = await book.read()
    assert len(keys) == 1


async def test_a_repeated_change_is_done_and_not_refused(book: KeyBook) -> None:
    assert await book.put(a_key("k"), version="") is PutVerdict.DONE
    assert await book.put(a_key("k"), version="") is PutVerdict.DONE


async def test_keys_that_are_over_leave_with_the_next_change(book: KeyBook) -> None:
    await book.put(a_key("old"), version="")
    version, _ = await book.read()

    await book.put(a_key("new"), version=version, forgetting=["old"])

    _, keys = await book.read()
    assert set(keys) == {"new"}


async def test_it_is_noted_when_keys_were_used(book: KeyBook) -> None:
    await book.note_used({"a": 1, "b": 2})
    await book.note_used({"b": 3})
    await book.note_used({})

    assert await book.used() == {"a": 1, "b": 3}


async def test_a_key_that_this_version_cannot_read_hides_no_other(redis_url: str) -> None:
    book = RedisKeyBook(redis_url, deadline=2.0)
    with redis.Redis.from_url(redis_url) as client:
        client.hset("wm:keys", "strange", '{"id": 5}')
    await book.put(a_key("k"), version="")

    _, keys = await book.read()

    assert set(keys) == {"k"}
    await book.close()


async def test_a_key_can_be_revoked_when_memory_has_run_out(redis_url: str) -> None:
    book = RedisKeyBook(redis_url, deadline=2.0)
    with redis.Redis.from_url(redis_url) as client:
        client.config_set("maxmemory", 1)
        try:
            assert await book.put(a_key("k"), version="") is PutVerdict.DONE
        finally:
            client.config_set("maxmemory", 0)
    await book.close()


async def test_a_full_book_takes_no_new_key_and_still_changes_old_ones(redis_url: str) -> None:
    book = RedisKeyBook(redis_url, deadline=2.0)
    await book.put(a_key("old"), version="")
    with redis.Redis.from_url(redis_url) as client:
        client.hset("wm:keys", mapping={f"k{n}": "{}" for n in range(MOST_KEYS - 1)})
    version = await book.version()

    assert await book.put(a_key("new"), version=version) is PutVerdict.FULL
    assert await book.put(a_key("old", "changed"), version=version) is PutVerdict.DONE
    version = await book.version()
    made_room = await book.put(a_key("new"), version=version, forgetting=["k0"])
    assert made_room is PutVerdict.DONE
    await book.close()
