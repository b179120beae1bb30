"""The command line when its server goes away, its token runs out or its key is revoked."""

import time

import pytest
from websockets.protocol import State

from tests.fakes.public_api import EPOCH, JOB, FakeHouse, Socket
from tests.integration.cli_running import house, states_in, waymark

__all__ = ["house"]


def test_it_moves_to_another_server_before_it_leaves_the_old_one(house: FakeHouse) -> None:
    olds: list[Socket] = []

    def goes_away(socket: Socket) -> None:
        olds.append(socket)
        socket.snapshot(2)
        socket.say(type="drain", after_ms=[0, 0], grace_ms=30_000)

    def takes_over(socket: Socket) -> None:
        assert olds[0].connection.state is State.OPEN
        place = {"epoch": EPOCH, "revision": 20, "step": 2}
        assert socket.hello["subscriptions"] == [{"job": JOB} | place]
        socket.say(type="live", job=JOB, recovered=True)
        socket.transition(3, "succeeded")

    house.talks = [goes_away, takes_over]

    done = waymark(house, "watch", JOB)

    assert done.returncode == 0, done.stderr
    assert states_in(done.stdout) == ["running", "running", "succeeded"]
    assert "next try" not in done.stdout
    assert olds[0].connection.close_code == 1000


def test_it_stays_while_no_other_server_takes_it(house: FakeHouse) -> None:
    def goes_away(socket: Socket) -> None:
        socket.snapshot(1, "queued")
        house.refusals = [(503, "1"), (503, "1")]
        socket.say(type="drain", after_ms=[0, 0], grace_ms=30_000)
        while house.refusals:
            time.sleep(0.01)
        socket.transition(2, "running")

    def takes_over(socket: Socket) -> None:
        assert socket.hello["subscriptions"][0]["step"] == 2
        socket.transition(3, "succeeded")

    house.talks = [goes_away, takes_over]

    done = waymark(house, "watch", JOB)

    assert done.returncode == 0, done.stderr
    assert states_in(done.stdout) == ["queued", "running", "succeeded"]
    assert "next try" not in done.stdout


def test_a_refusal_is_waited_out_for_as_long_as_it_says(house: FakeHouse) -> None:
    house.refusals = [(503, "2")]
    house.talks = [lambda socket: socket.snapshot(1, "succeeded")]
    began = time.monotonic()

    done = waymark(house, "watch", JOB)

    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began >= 2.0
    assert "answered 503" in done.stdout


def test_a_revoked_key_is_the_end(house: FakeHouse) -> None:
    house.talks = [lambda socket: socket.close(4007, "revoked: the API key is no more")]

    done = waymark(house, "watch", JOB)

    assert done.returncode == 5
    assert "revoked: the API key is no more (4007)" in done.stderr
    assert len(house.hellos) == 1


def test_a_token_that_the_server_does_not_take_is_renewed_once(house: FakeHouse) -> None:
    house.talks = [lambda socket: socket.close(4002, "invalid token")] * 2

    done = waymark(house, "watch", JOB)

    assert done.returncode == 5
    assert "invalid token (4002)" in done.stderr
    assert len(house.hellos) == 2
    assert [path for method, path, _, _ in house.asked if method == "POST"].count("/v1/tokens") == 2


@pytest.mark.parametrize("answer", ["ok", "error"])
def test_a_gateway_that_is_away_when_the_token_runs_out_is_asked_again(
    house: FakeHouse, answer: str
) -> None:
    def talk(socket: Socket) -> None:
        socket.snapshot(1, "queued")
        away = (503, {"detail": "Away.", "code": "store-unavailable"})
        good = house.answers["POST", "/v1/tokens"]
        house.answers["POST", "/v1/tokens"] = away
        socket.say(type="auth_expiring", in_seconds=60)
        socket.say(type="ping")
        assert socket.hear() == {"type": "pong"}
        house.answers["POST", "/v1/tokens"] = good
        socket.say(type="ping")
        heard = [socket.hear(), socket.hear()]
        while {"type": "pong"} in heard:
            heard.remove({"type": "pong"})
        (renewal,) = heard or [socket.hear()]
        assert (renewal["type"], renewal["token"]) == ("auth", "t0")
        refusal = {"code": "token-expired", "detail": "The token has expired."}
        socket.say(type=answer, id=renewal["id"], **(refusal if answer == "error" else {}))
        socket.transition(2, "succeeded")

    house.talks = [talk]

    done = waymark(house, "watch", JOB)

    assert done.returncode == 0, done.stderr
    assert states_in(done.stdout) == ["queued", "succeeded"]
