"""How many connections there are, of whom; and how many there may be. Pure."""

from collections import Counter

import msgspec

from shared.contracts.tokens import Grant


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How many connections there may be at once; 0: as many as there is room for."""

    in_all: int = 0
    of_tenant: int = 0
    of_token: int = 0
    of_address: int = 0


class Crowd:
    """Counts who is there. Whoever has got a seat leaves it."""

    def __init__(self, limits: Limits) -> None:
        """Nobody is there."""
        self.inside = 0
        self._limits = limits
        self._tenants: Counter[str] = Counter()
        self._tokens: Counter[str] = Counter()
        self._addresses: Counter[str] = Counter()

    @property
    def most(self) -> int:
        """How many there may be; 0: as many as there is room for."""
        return self._limits.in_all

    @property
    def is_full(self) -> bool:
        """Whether one more is too many."""
        return _reached(self._limits.in_all, self.inside)

    def is_crowded(self, address: str) -> bool:
        """Whether one more from this address is too many; "": from nowhere in particular."""
        return bool(address) and _reached(self._limits.of_address, self._addresses[address])

    def enter(self, address: str = "") -> "Seat":
        """Count one in."""
        self.inside += 1
        if address:
            self._addresses[address] += 1
        return Seat(self, address)

    def leave(self, address: str) -> None:
        """Count one out; `Seat.leave` does."""
        self.inside -= 1
        _less(self._addresses, address)

    def sit(self, grant: Grant) -> bool:
        """Count a tenant's and a token's; False: they have enough."""
        if _reached(self._limits.of_tenant, self._tenants[grant.tenant]):
            return False
        if grant.id and _reached(self._limits.of_token, self._tokens[grant.id]):
            return False
        self._tenants[grant.tenant] += 1
        if grant.id:
            self._tokens[grant.id] += 1
        return True

    def rise(self, grant: Grant) -> None:
        """Take back what `sit` counted."""
        _less(self._tenants, grant.tenant)
        _less(self._tokens, grant.id)


class Seat:
    """One connection's place in the crowd."""

    __slots__ = ("_address", "_crowd", "_grant")

    def __init__(self, crowd: Crowd, address: str) -> None:
        """See `Crowd.enter`."""
        self._crowd = crowd
        self._address = address
        self._grant: Grant | None = None

    def take(self, grant: Grant) -> bool:
        """Sit as `grant` and no longer as the one before; False: too many do, nothing changes."""
        before = self._grant
        if before is not None:
            self._crowd.rise(before)
        if self._crowd.sit(grant):
            self._grant = grant
            return True
        if before is not None:
            self._crowd.sit(before)
        return False

    def leave(self) -> None:
        """Count it out; once."""
        if self._grant is not None:
            self._crowd.rise(self._grant)
        self._crowd.leave(self._address)


def _reached(limit: int, count: int) -> bool:
    return 0 < limit <= count


def _less(counts: Counter[str], name: str) -> None:
    counts[name] -= 1
    if counts[name] <= 0:
        del counts[name]
