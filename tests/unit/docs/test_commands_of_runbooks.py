"""What the documents tell people to type: commands and options that there are."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from clients.cli.commands import app
from tests.architecture.sources import REPO, name_of
from tests.documents import commands

DOCUMENTS = sorted(
    file
    for file in [REPO / "README.md", *(REPO / "docs").rglob("*.md")]
    if not {"reference", "decisions"} & set(file.parts)
)
OF_A_VHOST = {"list_queues", "delete_queue", "list_bindings", "list_policies", "set_policy"}


def understood(*words: str) -> bool:
    return CliRunner().invoke(app, [*words, "--help"]).exit_code == 0


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_waymark_has_every_command_and_option(document: Path) -> None:
    told = commands(document.read_text(), "waymark")

    assert [" ".join(words) for words in told if not understood(*words)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_rabbitmqctl_is_told_where_the_queues_are(document: Path) -> None:
    told = commands(document.read_text(), "rabbitmqctl")
    lost = [words for words in told if words[0] in OF_A_VHOST]

    assert [words for words in lost if words[1:3] != ("--vhost", "waymark")] == []


def test_a_command_that_is_not_there_is_noticed() -> None:
    text = "`waymark queues pauze mails`:\n```sh\n./waymark jobs --colour red | cat  # all\n```\n"

    told = list(commands(text, "waymark"))

    assert told == [("queues", "pauze", "mails"), ("jobs", "--colour", "red")]
    assert not any(understood(*words) for words in told)
