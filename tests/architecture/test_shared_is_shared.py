"""A module stays in `shared` only while two services reach it (the rule of two)."""

import grimp
import pytest

from tests.architecture.sources import REPO

SERVICES = ("gateway", "worker", "notifier")
# Modules that wait for their second service, each with the service that will come and why.
# Take a line away as soon as it has come; a line whose module is gone or shared fails the test.
NOT_YET: dict[str, str] = {}


@pytest.fixture(scope="module")
def users() -> dict[str, set[str]]:
    """Which services reach each module of shared, directly or through others."""
    unbuilt = [each for each in SERVICES if not (REPO / "services" / each / "wiring.py").exists()]
    if unbuilt:
        pytest.skip(f"{', '.join(unbuilt)}: not built yet, so users of shared are still to come")
    graph = grimp.build_graph("services", "shared", cache_dir=None)
    packages = {module for module in graph.modules if graph.find_children(module)}
    return {
        module: {
            service
            for service in SERVICES
            if any(
                user.startswith(f"services.{service}.")
                for user in graph.find_downstream_modules(module)
            )
        }
        for module in graph.modules
        if module.startswith("shared.") and module not in packages
    }


def test_every_module_of_shared_has_two_users(users: dict[str, set[str]]) -> None:
    lonely = {module: by for module, by in users.items() if len(by) < 2 and module not in NOT_YET}

    assert not lonely, "move them to their only user, or give a reason in NOT_YET"


def test_the_list_of_exceptions_only_shrinks(users: dict[str, set[str]]) -> None:
    done = [module for module in NOT_YET if module not in users or len(users[module]) >= 2]

    assert not done, "they are shared or gone: take them off the list"
