"""The command line against a small fake house on loopback: what it says and how it ends."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.public_api import AT, EPOCH, JOB, FakeHouse, Socket
from tests.integration.cli_running import environment, house, states_in, waymark

__all__ = ["house"]


def test_a_submitted_job_is_watched_to_its_end(house: FakeHouse) -> None:
    def talk(socket: Socket) -> None:
        assert socket.hello["token"] == "t1"
        assert socket.hello["subscriptions"] == [{"job": JOB}]
        socket.snapshot(1, "queued")
        socket.say(type="live", job=JOB, recovered=False)
        socket.say(type="ping")
        assert socket.hear() == {"type": "pong"}
        socket.transition(2, "running")
        socket.progress(2, 2)
        socket.transition(3, "succeeded", result={"rows": 4})

    house.talks = [talk]
    accepted = house.job("queued") | {"access": house.access | {"token": "t1"}}
    house.answer("POST", "/v1/jobs", 202, accepted)
    columns = [{"name": "year", "nulls": 0}]
    ended = house.job("succeeded", result={"rows": 4, "columns": columns})
    house.answer("GET", f"/v1/jobs/{JOB}", 200, ended)

    done = waymark(
        house,
        *("submit", "demo.steps", "steps=3", "name=x", "--watch", "--priority", "9"),
        *("--delay", "1.5", "--queue", "slow", "--label", "a=b", "--idempotency-key", "k1"),
    )

    assert done.returncode == 0, done.stderr
    assert states_in(done.stdout) == ["queued", "running", "succeeded"]
    assert "50 % (2/4) reading" in done.stdout
    assert "succeeded after 1 attempt\n" in done.stdout
    assert re.search(r"^year +0$", done.stdout, flags=re.MULTILINE)
    _, _, headers, body = house.asked[0]
    assert {name.lower(): value for name, value in headers.items()}["idempotency-key"] == "k1"
    assert body == {
        "type": "demo.steps",
        "payload": {"steps": 3, "name": "x"},
        "priority": 9,
        "delay_seconds": 1.5,
        "queue": "slow",
        "labels": {"a": "b"},
    }


@pytest.mark.parametrize(
    ("state", "status"), [("succeeded", 0), ("failed", 1), ("cancelled", 3), ("expired", 4)]
)
def test_the_exit_status_is_the_outcome(house: FakeHouse, state: str, status: int) -> None:
    error = {"code": "declined", "message": "card declined"} if state == "failed" else None
    house.answer("GET", f"/v1/jobs/{JOB}", 200, house.job(state, error=error))

    done = waymark(house, "watch", JOB)

    assert done.returncode == status
    assert done.stdout.startswith(state)
    assert ("declined: card declined" in done.stdout) is (state == "failed")


def test_a_broken_stream_resumes_at_its_place_and_shows_each_step_once(house: FakeHouse) -> None:
    def first(socket: Socket) -> None:
        socket.snapshot(2)
        socket.progress(2, 1)
        socket.close(4201, "too slow")

    def second(socket: Socket) -> None:
        place = {"epoch": EPOCH, "revision": 21, "step": 2}
        assert socket.hello["subscriptions"] == [{"job": JOB} | place]
        socket.transition(3, "retrying")
        socket.say(type="drain", after_ms=[0, 10], grace_ms=1000)

    def third(socket: Socket) -> None:
        socket.transition(3, "retrying")  # seen before
        socket.say(type="live", job=JOB, recovered=True)
        socket.transition(4, "succeeded")

    house.talks = [first, second, third]

    done = waymark(house, "watch", JOB)

    assert done.returncode == 0, done.stderr
    assert states_in(done.stdout) == ["running", "running", "retrying", "succeeded"]
    assert "too slow (4201)" in done.stdout


def test_a_gap_is_asked_for_again_once(house: FakeHouse) -> None:
    def talk(socket: Socket) -> None:
        socket.snapshot(1, "queued")
        socket.say(type="live", job=JOB, recovered=False)
        socket.progress(2, 1)
        socket.progress(2, 2)
        place = {"epoch": EPOCH, "revision": 10, "step": 1}
        asked = socket.hear()
        assert asked == {"type": "subscribe", "id": 1, "subscriptions": [{"job": JOB} | place]}
        socket.transition(2, "running")
        socket.say(type="live", job=JOB, recovered=True)
        socket.transition(3, "succeeded")

    house.talks = [talk]

    assert states_in(waymark(house, "watch", JOB).stdout) == ["queued", "running", "succeeded"]


def test_another_epoch_starts_from_a_new_snapshot(house: FakeHouse) -> None:
    def talk(socket: Socket) -> None:
        socket.snapshot(2)
        socket.event("progress", 2, 99, epoch="other", progress={"current": 1})
        assert socket.hear()["subscriptions"] == [{"job": JOB}]
        socket.snapshot(1, "queued", epoch="other")
        socket.event("transition", 2, 20, epoch="other", state="succeeded", at=AT, attempt=1)

    house.talks = [talk]

    done = waymark(house, "watch", JOB)

    assert done.returncode == 0, done.stderr
    assert states_in(done.stdout) == ["running", "running", "queued", "succeeded"]


def test_steps_that_another_epoch_kept_are_not_told_again(house: FakeHouse) -> None:
    def talk(socket: Socket) -> None:
        socket.snapshot(2)
        socket.snapshot(2, epoch="other")
        socket.event("transition", 3, 30, epoch="other", state="succeeded", at=AT, attempt=1)

    house.talks = [talk]

    done = waymark(house, "watch", JOB)

    assert states_in(done.stdout) == ["running", "running", "succeeded"]


def test_an_expired_token_is_renewed(house: FakeHouse) -> None:
    def expired(socket: Socket) -> None:
        assert socket.hello["token"] == "t0"
        house.answer("POST", "/v1/tokens", 201, house.access | {"token": "t2"})
        socket.close(4101, "token expired")

    def renewed(socket: Socket) -> None:
        assert socket.hello["token"] == "t2"
        socket.say(type="auth_expiring", in_seconds=60)
        assert socket.hear() == {"type": "auth", "id": 1, "token": "t2"}
        socket.snapshot(1, "cancelled")

    house.talks = [expired, renewed]

    assert waymark(house, "watch", JOB).returncode == 3


def test_a_code_that_says_stop_stops(house: FakeHouse) -> None:
    house.talks = [lambda socket: socket.close(4003, "the token allows nothing here")]

    done = waymark(house, "watch", JOB)

    assert done.returncode == 5
    assert "the token allows nothing here (4003)" in done.stderr
    assert len(house.hellos) == 1


def test_a_store_that_is_away_for_a_while_is_waited_for(house: FakeHouse) -> None:
    def away(socket: Socket) -> None:
        socket.say(type="error", code="store-unavailable", detail="The store does not answer.")

    def back(socket: Socket) -> None:
        assert socket.hello["subscriptions"] == [{"job": JOB}]
        socket.snapshot(1, "succeeded")

    house.talks = [away, back]

    done = waymark(house, "watch", JOB)

    assert done.returncode == 0, done.stderr
    assert "The store does not answer. (store-unavailable); next try in" in done.stdout


def test_a_job_that_a_wiped_store_forgot_is_waited_for(house: FakeHouse) -> None:
    def wiped(socket: Socket) -> None:
        assert "epoch" in socket.hello["subscriptions"][0]
        socket.say(type="error", code="job-not-found", detail="There is no such job.")

    house.talks = [
        lambda socket: socket.snapshot(1),
        wiped,
        lambda socket: socket.snapshot(1, "succeeded", epoch="other"),
    ]

    done = waymark(house, "watch", JOB)

    assert done.returncode == 0, done.stderr
    assert "There is no such job. (job-not-found); next try in" in done.stdout


def test_an_error_that_will_not_go_away_stops(house: FakeHouse) -> None:
    house.talks = [lambda socket: socket.say(type="error", code="forbidden", detail="Not yours.")]

    done = waymark(house, "watch", JOB)

    assert done.returncode == 5
    assert done.stderr == "waymark: the stream refused: Not yours. (forbidden)\n"
    assert len(house.hellos) == 1


def test_ctrl_c_leaves_the_job_running_and_says_what_to_do(house: FakeHouse) -> None:
    house.talks = [lambda socket: socket.snapshot(1)]
    # What was started in the background of a shell ignores it, and so would its children.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "clients.cli", "watch", JOB],
            env=environment(house),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        assert process.stdout is not None
        assert "running" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    finally:
        process.kill()

    assert process.returncode == 130
    assert f"waymark watch {JOB}" in said
    assert f"waymark cancel {JOB}" in said
    assert "Traceback" not in said
    assert not any(path.endswith("/cancel") for _, path, _, _ in house.asked)


def test_a_terminal_gets_a_bar_that_moves(house: FakeHouse) -> None:
    def talk(socket: Socket) -> None:
        socket.snapshot(1)
        for current in (1, 2, 3):
            socket.progress(1, current)
        socket.transition(2, "succeeded")

    house.talks = [talk]
    house.answer("GET", f"/v1/jobs/{JOB}", 200, house.job("running"))
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "clients.cli", "watch", JOB],
        env=environment(house) | {"TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        seen = b""
        try:
            while chunk := os.read(ours, 4096):
                seen += chunk
        except OSError:  # the terminal's other end is closed
            pass
    os.close(ours)

    assert process.returncode == 0
    assert b"\x1b[?25l" in seen, "the cursor is hidden while the bar moves"
    assert b"\x1b[?25h" in seen, "and shown again"
    assert "━".encode() in seen
    assert b"75%" in seen


def test_faults_of_a_payload_are_listed_with_their_pointers(house: FakeHouse) -> None:
    faults = [{"detail": "'source' is a required property", "pointer": "/payload"}]
    problem = {"detail": "The payload does not fit.", "code": "validation-failed", "errors": faults}
    house.answer("POST", "/v1/jobs", 422, problem)

    done = waymark(house, "submit", "csv.profile", "--json", "-", stdin='{"a": 1}')

    assert done.returncode == 2
    assert "  /payload: 'source' is a required property" in done.stderr
    assert house.asked[0][3] == {"type": "csv.profile", "payload": {"a": 1}}


def test_a_refused_key_is_status_5_and_no_traceback(house: FakeHouse) -> None:
    house.answer("GET", "/v1/jobs", 401, {"detail": "No such key.", "code": "unauthenticated"})

    done = waymark(house, "jobs")

    assert done.returncode == 5
    assert done.stderr == "waymark: No such key. (401, unauthenticated)\n"


def test_a_house_that_is_not_there_is_status_5(house: FakeHouse, unused_tcp_port: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "clients.cli", "submit", "demo.steps"],
        env=environment(house) | {"WAYMARK_URL": f"http://127.0.0.1:{unused_tcp_port}"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 5
    assert done.stderr.startswith("waymark: http://127.0.0.1")
    assert done.stderr.count("\n") == 1


def test_jobs_are_listed_for_people_and_for_programs(house: FakeHouse) -> None:
    house.answer("GET", "/v1/jobs", 200, {"data": [house.job("running")], "page": {}})

    table = waymark(house, "jobs", "--limit", "5").stdout
    lines = waymark(house, "jobs", "--json").stdout.splitlines()

    assert JOB in table
    assert "demo.steps" in table
    assert house.asked[0][1] == "/v1/jobs?limit=5"
    assert [json.loads(line)["id"] for line in lines] == [JOB]


def test_one_job_is_shown(house: FakeHouse) -> None:
    done = waymark(house, "job", JOB)

    assert done.returncode == 0
    assert "demo.steps  (queue default, priority 5)" in done.stdout
    assert waymark(house, "job", "nope").returncode == 2


def test_a_cancel_says_whether_the_job_still_runs(house: FakeHouse) -> None:
    house.answer("POST", f"/v1/jobs/{JOB}/cancel", 202, house.job("running"))

    done = waymark(house, "cancel", JOB, "--reason", "wrong file", "--grace", "5")

    assert done.returncode == 0
    assert "asked to stop" in done.stdout
    assert house.asked[0][3] == {"reason": "wrong file", "grace_seconds": 5.0}


def test_the_wrapper_script_runs_it(house: FakeHouse, tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "waymark"
    done = subprocess.run(
        [str(script), "job", JOB],
        env=environment(house),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert JOB in done.stdout
