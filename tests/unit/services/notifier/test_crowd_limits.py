"""Who is counted with whom, and that what is counted in is counted out."""

from hypothesis import given
from hypothesis import strategies as st

from services.notifier.bucket import Bucket
from services.notifier.crowd import Crowd, Limits, Seat
from shared.contracts.tokens import Grant


def grant(tenant: str, token: str) -> Grant:
    return Grant(tenant=tenant, jobs=frozenset({"x"}), expires_at=1, id=token)


def test_each_limit_counts_its_own() -> None:
    crowd = Crowd(Limits(in_all=4, of_tenant=3, of_token=2, of_address=2))
    seats = [crowd.enter("198.51.100.1"), crowd.enter("198.51.100.1"), crowd.enter(), crowd.enter()]

    assert crowd.is_full
    assert crowd.is_crowded("198.51.100.1")
    assert not crowd.is_crowded("198.51.100.2")
    assert seats[0].take(grant("acme", "t1"))
    assert seats[1].take(grant("acme", "t1"))
    assert not seats[2].take(grant("acme", "t1"))
    assert seats[2].take(grant("acme", "t2"))
    assert not seats[3].take(grant("acme", "t3"))
    assert seats[3].take(grant("globex", "t4"))


def test_a_place_that_was_left_is_free() -> None:
    crowd = Crowd(Limits(in_all=1, of_tenant=1, of_address=1))
    seat = crowd.enter("198.51.100.1")
    seat.take(grant("acme", "t"))

    seat.leave()

    assert not crowd.is_full
    assert not crowd.is_crowded("198.51.100.1")
    assert crowd.enter().take(grant("acme", "t"))


def test_a_token_takes_the_place_of_the_one_before_it() -> None:
    crowd = Crowd(Limits(of_tenant=1, of_token=1))
    seat = crowd.enter()

    assert seat.take(grant("acme", "t1"))
    assert seat.take(grant("acme", "t1"))
    assert seat.take(grant("acme", "t2"))
    assert not crowd.enter().take(grant("acme", "t2"))


def test_no_limit_is_no_limit_and_nowhere_is_no_address() -> None:
    crowd = Crowd(Limits())
    for _ in range(100):
        assert crowd.enter("a").take(grant("acme", "t"))

    assert not crowd.is_full
    assert not crowd.is_crowded("a")
    assert not Crowd(Limits(of_address=1)).is_crowded("")


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from("ab"), st.sampled_from(["", "x"]))))
def test_nothing_is_left_behind_and_no_limit_is_ever_passed(moves: list) -> None:
    crowd = Crowd(Limits(of_tenant=3, of_token=2))
    seats: list[Seat] = []
    held: dict[int, Grant] = {}
    for which, tenant, token in moves:
        if which >= len(seats):
            seats.append(crowd.enter("here"))
            continue
        wanted = grant(tenant, token)
        if seats[which].take(wanted):
            held[which] = wanted
        for name in "ab":
            assert sum(it.tenant == name for it in held.values()) <= 3
        assert sum(it.id == "x" for it in held.values()) <= 2
    for seat in seats:
        seat.leave()

    assert crowd.inside == 0
    assert (crowd._tenants, crowd._tokens, crowd._addresses) == ({}, {}, {})


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = Bucket(rate=2.0, burst=3, now=10.0)

    assert [bucket.take(10.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(10.5), bucket.take(10.5), bucket.take(11.0)] == [True, False, True]
    assert [bucket.take(99.0) for _ in range(4)] == [True, True, True, False]
