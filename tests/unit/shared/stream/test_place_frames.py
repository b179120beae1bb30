"""The frames that bring a watcher to a job's place."""

import json
from dataclasses import replace

from shared.contracts.answers import Position, Step
from shared.contracts.lifecycle import State
from shared.stream.place import Place

JOB = "j1"


def step(number: int, state: State, revision: int, **more: object) -> Step:
    frame = {
        "type": "transition", "job": JOB, "epoch": "e1", "seq": revision + 100,
        "revision": revision, "step": number, "state": state,
        "at": f"2026-01-01T00:00:0{number}.000Z", "attempt": 1, **more,
    }  # fmt: skip
    return Step(step=number, state=state, at=number, frame=json.dumps(frame))


POSITION = Position(
    epoch="e1",
    seq=104,
    revision=4,
    step=3,
    state=State.SUCCEEDED,
    attempt=1,
    progress='{"current":1}',
    result='{"rows":5}',
    error=None,
    steps=(step(1, State.QUEUED, 1), step(2, State.RUNNING, 2), step(3, State.SUCCEEDED, 4)),
)


def test_a_snapshot_has_exactly_the_fields_of_the_design() -> None:
    assert json.loads(Place(JOB, POSITION).snapshot()) == {
        "type": "snapshot",
        "job": JOB,
        "epoch": "e1",
        "seq": 104,
        "revision": 4,
        "step": 3,
        "state": "succeeded",
        "attempt": 1,
        "progress": {"current": 1},
        "result": {"rows": 5},
        "error": None,
        "history": [
            {"step": 1, "state": "queued", "at": "2026-01-01T00:00:01.000Z"},
            {"step": 2, "state": "running", "at": "2026-01-01T00:00:02.000Z"},
            {"step": 3, "state": "succeeded", "at": "2026-01-01T00:00:03.000Z"},
        ],
    }


def test_a_missed_last_step_brings_its_result_back() -> None:
    frames = Place(JOB, POSITION).since(2, 2) or []

    assert len(frames) == 1
    assert json.loads(frames[0])["result"] == {"rows": 5}
    assert json.loads(frames[0])["state"] == "succeeded"


def test_a_result_is_not_put_in_twice() -> None:
    written = (*POSITION.steps[:2], step(3, State.SUCCEEDED, 4, result={"rows": 5}))

    frames = Place(JOB, replace(POSITION, steps=written)).since(2, 2) or []

    assert frames[0] == written[2].frame.encode()


def test_earlier_steps_are_handed_on_as_they_were_written() -> None:
    frames = Place(JOB, POSITION).since(0, 0) or []

    assert frames[:2] == [past.frame.encode() for past in POSITION.steps[:2]]


def test_a_progress_newer_than_the_last_step_is_told_with_its_numbers() -> None:
    position = replace(POSITION, revision=9, seq=120, result=None, state=State.RUNNING)

    frames = Place(JOB, position).since(4, 3) or []

    assert [json.loads(frame) for frame in frames] == [
        {
            "type": "progress",
            "job": JOB,
            "epoch": "e1",
            "seq": 120,
            "revision": 9,
            "step": 3,
            "progress": {"current": 1},
        }
    ]


def test_steps_that_were_not_read_cannot_be_told() -> None:
    assert Place(JOB, replace(POSITION, steps=POSITION.steps[1:])).since(0, 0) is None
    assert Place(JOB, replace(POSITION, steps=POSITION.steps[:2])).since(1, 1) is None


def test_user_data_goes_on_byte_for_byte() -> None:
    odd = '{"big":12345678901234567890,"float":1e400,"empty":[]}'

    assert odd.encode() in Place(JOB, replace(POSITION, result=odd)).snapshot()


def test_a_frame_is_made_once_for_all_who_wait() -> None:
    made: list[bytes] = []

    def wrap(frame: bytes) -> bytes:
        made.append(frame)
        return frame

    place = Place(JOB, POSITION, wrap)
    for _ in range(3):
        place.snapshot()
        place.since(0, 0)
        place.live(recovered=True)

    assert len(made) == 1 + 3 + 1
