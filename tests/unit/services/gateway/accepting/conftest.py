"""What every test of the acceptance is given."""

import pytest

from tests.unit.services.gateway.accepting.accepting_house import House


@pytest.fixture
def house() -> House:
    return House()
