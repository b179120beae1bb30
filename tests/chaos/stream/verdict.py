"""Judges what clients were shown against what the store wrote. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.stream.sight import FINAL, Entry

Step = tuple[str, str, str, int]
"""(state, at, the epoch and the seq that it was written with); in order, from step 1."""


@dataclass(frozen=True)
class Book:
    """One history of the store, as it was when it ended: a dump, and the epochs it went through.

    A store that is restarted, or gets its first replica, changes its epoch and goes on; one that
    fails over to a lagging replica begins another book.
    """

    epochs: Sequence[str]
    steps: Mapping[str, Sequence[Step]]
    results: Mapping[str, object]

    def until(self, job: str, epoch: str) -> Sequence[tuple[str, str]]:
        """Return (state, at) of what had been written of a job when `epoch` ended."""
        later = self.epochs[self.epochs.index(epoch) + 1 :]
        steps = self.steps[job]
        end = next((place for place, step in enumerate(steps) if step[2] in later), len(steps))
        return [(state, at) for state, at, *_ in steps[:end]]

    def feed(self, epoch: str) -> list[list[object]]:
        """Return [seq, job, step, state, at] of all that was written in one epoch, in order."""
        return sorted(
            [step[3], job, number, step[0], step[1]]
            for job, steps in self.steps.items()
            for number, step in enumerate(steps, 1)
            if step[2] == epoch
        )


def flaws(job: str, log: Sequence[Entry], books: Sequence[Book]) -> list[str]:
    """Return what is wrong with what one client was shown of one job, in words."""
    found: list[str] = []
    seen: dict[str, list[tuple[str, str]]] = {}
    epoch, revision, result = "", 0, None
    for entry in log:
        kind, at_epoch, at_revision = entry[:3]
        if kind == "s":
            if at_epoch != epoch and at_epoch in seen:
                found.append(f"went back to epoch {at_epoch} from {epoch}")
            found += _snapshot_flaws(entry, seen.get(at_epoch, []))
            seen[at_epoch] = [(state, at) for _, state, at in entry[3]]
            epoch, revision, result = at_epoch, at_revision, entry[4]
            continue
        if at_epoch != epoch:
            found.append(f"{_told(entry)} was shown in epoch {epoch}")
            continue
        if at_revision <= revision:
            found.append(f"{_told(entry)} was shown again after revision {revision}")
        revision = at_revision
        expected = len(seen[epoch]) + (kind == "t")
        if entry[3] != expected:
            found.append(f"{_told(entry)} was shown where step {expected} belongs")
        elif kind == "t":
            seen[epoch].append((entry[4], entry[5]))
            result = entry[6]
    found += [flaw for each in seen for flaw in _untrue(job, each, seen[each], books)]
    return found + _unfinished(job, seen.get(epoch, []), result, books[-1])


def feed_flaws(log: Sequence[Entry], books: Sequence[Book]) -> list[str]:
    """Return what is wrong with what one client was shown of a feed.

    From where it began, or began anew after it was told of a loss, nothing may be missing; in the
    last epoch of the store nothing at all.
    """
    found: list[str] = []
    parts: list[tuple[str, int, list[list[object]]]] = []
    for kind, epoch, seq, *what in log:
        if kind == "b":
            parts.append((epoch, seq, []))
        elif not parts or epoch != parts[-1][0]:
            found.append(f"{epoch}-{seq} was shown before the feed began in that epoch")
        else:
            parts[-1][2].append([seq, *what])
    for number, (epoch, since, seen) in enumerate(parts, 1):
        book = next((book for book in books if epoch in book.epochs), None)
        if book is None:
            found.append(f"the store never had the epoch {epoch}")
            continue
        truth = [step for step in book.feed(epoch) if int(str(step[0])) > since]
        if seen != truth[: len(seen)]:
            wrong = next(n for n, step in enumerate(seen) if truth[n : n + 1] != [step])
            found.append(f"{seen[wrong]} was shown in {epoch}, truly {truth[wrong : wrong + 1]}")
        elif number == len(parts) and len(seen) < len(truth):
            found.append(f"never saw {truth[len(seen)]} and {len(truth) - len(seen) - 1} more")
    if not parts:
        found.append("never was live")
    elif parts[-1][0] != books[-1].epochs[-1] and books[-1].feed(books[-1].epochs[-1]):
        found.append(f"ends in epoch {parts[-1][0]}, the store in {books[-1].epochs[-1]}")
    return found


def _snapshot_flaws(entry: Entry, known: Sequence[tuple[str, str]]) -> list[str]:
    _, epoch, revision, history, _ = entry
    what = f"the snapshot {epoch}-{revision}"
    found = []
    if [past[0] for past in history] != list(range(1, len(history) + 1)):
        found.append(f"{what} has holes: {[past[0] for past in history]}")
    if len(history) < len(known):
        found.append(f"{what} takes back steps {len(history) + 1} to {len(known)}")
    for (step, state, at), before in zip(history, known, strict=False):
        if (state, at) != before:
            found.append(f"{what} has another step {step}: {state} {at}, it was {before}")
    return found


def _untrue(
    job: str, epoch: str, seen: Sequence[tuple[str, str]], books: Sequence[Book]
) -> list[str]:
    book = next((book for book in books if epoch in book.epochs), None)
    if book is None:
        return [f"the store never had the epoch {epoch}"]
    truth = list(book.until(job, epoch))
    if list(seen) == truth[: len(seen)]:
        return []
    wrong = next(n for n, step in enumerate([*seen]) if truth[n : n + 1] != [step])
    return [f"step {wrong + 1} of epoch {epoch} is {seen[wrong]}, truly {truth[wrong : wrong + 1]}"]


def _unfinished(job: str, seen: Sequence[tuple[str, str]], result: object, book: Book) -> list[str]:
    truth = [(state, at) for state, at, *_ in book.steps[job]]
    if list(seen) != truth:
        missing = list(range(len(seen) + 1, len(truth) + 1))
        return [f"ends with step {len(seen)}, never saw {missing} of {len(truth)}"]
    if not seen or seen[-1][0] not in FINAL:
        return [f"ends in {seen[-1:]}, which is no end"]
    if result != book.results.get(job):
        return [f"has the result {result!r}, truly {book.results.get(job)!r}"]
    return []


def _told(entry: Entry) -> str:
    kind = "transition" if entry[0] == "t" else "progress"
    return f"{kind} {entry[1]}-{entry[2]}-{entry[3]}"
