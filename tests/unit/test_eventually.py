"""Waiting for a fact ends with the fact or with its deadline."""

import asyncio

import pytest

from tests.eventually import eventually, eventually_async


def test_the_first_truthy_answer_is_returned() -> None:
    answers = iter([None, 0, "there"])

    assert eventually(lambda: next(answers)) == "there"


def test_the_deadline_shows_the_last_answer() -> None:
    with pytest.raises(AssertionError, match=r"not within 0\.05 s; the last answer was \[\]"):
        eventually(list, within=0.05)


def test_an_assertion_means_not_yet_and_is_raised_in_the_end() -> None:
    def fact() -> bool:
        raise AssertionError("still red")

    with pytest.raises(AssertionError, match="still red"):
        eventually(fact, within=0.05)


def test_any_other_error_is_raised_at_once() -> None:
    def fact() -> bool:
        raise KeyError

    with pytest.raises(KeyError):
        eventually(fact, within=60)


async def test_one_asking_may_not_outlive_the_deadline() -> None:
    async def fact() -> bool:
        return await asyncio.get_running_loop().create_future()

    with pytest.raises(TimeoutError):
        await eventually_async(fact, within=0.05)
