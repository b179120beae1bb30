"""What is generated from the code says what the code says, and nothing is left unsaid."""

from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from docs.generate import REFERENCE, ROOMS, comments_of, documents, job_lifecycle, meanings_of
from shared.contracts.lifecycle import TRANSITIONS, Event, State
from tests.architecture.sources import name_of


@pytest.mark.parametrize("file", documents(), ids=name_of)
def test_it_is_as_the_generator_would_write_it_now(file: Path) -> None:
    assert file.read_text() == documents()[file], "run `python -m docs.generate`"


def test_nothing_else_lies_beside_it() -> None:
    ours = {file for file in documents() if file.parent == REFERENCE}

    assert set(REFERENCE.iterdir()) == ours


@pytest.mark.parametrize("room", [room for _, room in ROOMS])
def test_every_setting_has_a_comment_that_says_what_it_means(room: type[BaseSettings]) -> None:
    assert [name for name in room.model_fields if name not in meanings_of(room)] == []


@pytest.mark.parametrize("words", [State, Event])
def test_every_state_and_event_has_a_comment_that_says_what_it_means(
    words: type[State] | type[Event],
) -> None:
    assert [each.name for each in words if each.name not in comments_of(words)] == []


def test_every_arrow_of_the_table_is_drawn() -> None:
    drawing = job_lifecycle()
    missing = [
        (state, event)
        for state, ways in TRANSITIONS.items()
        for event, target in ways.items()
        if not any(
            line.startswith(f"    {state or '[*]'} --> {target}: ")
            and event in line.split(": ")[1].split(", ")
            for line in drawing.splitlines()
        )
    ]

    assert not missing
