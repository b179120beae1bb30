"""Installing a package starts no service, and leaves the machine's policy as it was."""

from pathlib import Path

import pytest

from deploy.local.packages import candidate_version, services_stay_down


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


@pytest.mark.parametrize(
    ("candidate", "version"),
    [
        ("1.20.5+really1.20.2-1.1+deb12u1", (1, 20)),
        ("1:1.32.3+ds-2", (1, 32)),
        ("(none)", (0, 0)),
    ],
)
def test_the_version_that_apt_would_install_is_read(
    candidate: str, version: tuple[int, int]
) -> None:
    policy = f"kubernetes-client:\n  Installed: (none)\n  Candidate: {candidate}\n"

    assert candidate_version(policy) == version
    assert candidate_version("") == (0, 0)
