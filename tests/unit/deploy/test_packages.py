"""Installing a package starts no service, and leaves the machine's policy as it was."""

from pathlib import Path

import pytest

from deploy.local.packages import services_stay_down


def test_services_are_forbidden_to_start_only_meanwhile(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"

    with services_stay_down(policy):
        assert "exit 101" in policy.read_text()
        assert policy.stat().st_mode & 0o111

    assert not policy.exists()


def test_a_policy_that_was_there_comes_back_also_after_a_failure(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("the operator's own")

    with pytest.raises(RuntimeError), services_stay_down(policy):
        raise RuntimeError

    assert policy.read_text() == "the operator's own"
