"""Whether the worker takes in messages: closed by a drain, and by a store that does not answer."""

import threading


class Intake:
    """One tap for all consumers; every thread may look at it and turn it."""

    def __init__(self) -> None:
        """Open."""
        self._draining = threading.Event()
        self._leaving = threading.Event()
        self._store_away = threading.Event()

    @property
    def open(self) -> bool:
        """Whether consumers should consume."""
        return not (self._draining.is_set() or self._store_away.is_set())

    @property
    def draining(self) -> bool:
        """Whether the worker was told to stop: nothing new is begun."""
        return self._draining.is_set()

    @property
    def leaving(self) -> bool:
        """Whether the worker stops now: what waits for a store or a broker gives up."""
        return self._leaving.is_set()

    @property
    def store_away(self) -> bool:
        """Whether the store has not answered lately."""
        return self._store_away.is_set()

    def drain(self) -> None:
        """Close for good."""
        self._draining.set()

    def leave(self) -> None:
        """Let those who wait give up."""
        self._draining.set()
        self._leaving.set()

    def store_failed(self) -> None:
        """Close until the store answers again; what is already delivered is held."""
        self._store_away.set()

    def store_answered(self) -> None:
        """Open again, as far as the store is concerned."""
        self._store_away.clear()
