"""What lies in deploy/kubernetes and is made from other files says what they say."""

from pathlib import Path

import pytest
import yaml

from deploy.kubernetes.rules import MONITORING, SOURCES, documents
from tests.architecture.sources import name_of


@pytest.mark.parametrize("file", documents(), ids=name_of)
def test_it_is_as_the_generator_would_write_it_now(file: Path) -> None:
    assert file.read_text() == documents()[file], "run `python -m deploy.kubernetes`"


@pytest.mark.parametrize("folder", ["rules", "alerts"])
def test_every_group_of_every_file_is_there_unchanged(folder: str) -> None:
    made = yaml.load((MONITORING / f"{folder}.yaml").read_text(), Loader=yaml.CSafeLoader)
    said = [
        group
        for file in sorted((SOURCES / folder).glob("*.yml"))
        for group in yaml.load(file.read_text(), Loader=yaml.CSafeLoader)["groups"]
    ]

    assert said
    assert made["spec"]["groups"] == said
