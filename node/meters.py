"""What a process counts of itself: requests answered, pulls of other logs, turns of jobs.

In: what just happened. Out: families of node/exposition.py. Rules: labels are templates of routes, ids of members, names of jobs and codes of
ours, never what somebody typed; so many of them and no more, whatever comes (``SERIES_MAX``): what is beyond is counted as ``other``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from node.exposition import HISTOGRAM, Family, Sample, counter

SERIES_MAX: Final = 2_000
OTHER: Final = "other"
GOOD: Final = "ok"
# Upper bounds in seconds; beside them there is one without a bound.
BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# Which face of the node a route belongs to, by how it begins; what is no other's is a page.
_FACES: Final = (
    ("/federation/", "federation"),
    ("/api/", "api"),
    ("/static/", "file"),
    ("/favicon.ico", "file"),
    ("/status", "probe"),
    ("/livez", "probe"),
    ("/readyz", "probe"),
    ("unknown", "unknown"),
)
FACES: Final = ("federation", "api", "page", "file", "probe", "unknown")


def face_of(route: str) -> str:
    """Return which face of the node a route's template belongs to."""
    return next((face for begin, face in _FACES if route.startswith(begin)), "page")


class Meters:
    """The counters of one process; all are used on its one event loop."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self._requests: dict[tuple[str, ...], int] = {}
        self._pulls: dict[tuple[str, ...], int] = {}
        self._turns: dict[tuple[str, ...], int] = {}
        self._buckets = {face: [0] * (len(BUCKETS_S) + 1) for face in FACES}
        self._seconds = dict.fromkeys(FACES, 0.0)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request by its route's template, the class of its status and how long it took."""
        _add(self._requests, (route, f"{status // 100}xx"))
        face = face_of(route)
        self._buckets[face][bisect_left(BUCKETS_S, seconds)] += 1
        self._seconds[face] += seconds

    def pulled(self, peer: str, code: str) -> None:
        """Count a pull of a member's log; ``code`` is what went wrong, empty: nothing."""
        _add(self._pulls, (peer, code or GOOD))

    def turned(self, job: str, code: str) -> None:
        """Count a turn of a job; ``code`` is what went wrong, empty: nothing."""
        _add(self._turns, (job, code or GOOD))

    def families(self) -> list[Family]:
        """Return what was counted."""
        return [
            counter("rete_requests", "Requests answered, by template of the route and class of the status.", _told(self._requests, "route", "status")),
            Family("rete_request_seconds", HISTOGRAM, "How long answers took, by face of the node.", list(self._histogram())),
            counter("rete_pulls", "Pulls of other logs, by member and outcome (ok, or the code of what went wrong).", _told(self._pulls, "peer", "outcome")),
            counter("rete_job_turns", "Turns of jobs, by job (task) and outcome (ok, or the code of what went wrong).", _told(self._turns, "task", "outcome")),
        ]  # fmt: skip

    def _histogram(self) -> Iterator[Sample]:
        for face in FACES:
            counts = list(accumulate(self._buckets[face]))
            for bound, count in zip((*map(str, BUCKETS_S), "+Inf"), counts, strict=True):
                yield Sample(count, {"face": face, "le": bound}, "_bucket")
            yield Sample(counts[-1], {"face": face}, "_count")
            yield Sample(self._seconds[face], {"face": face}, "_sum")


def _add(counts: dict[tuple[str, ...], int], labels: tuple[str, ...]) -> None:
    if labels not in counts and len(counts) >= SERIES_MAX:
        labels = (OTHER,) * len(labels)
    counts[labels] = counts.get(labels, 0) + 1


def _told(counts: dict[tuple[str, ...], int], *names: str) -> list[tuple[dict[str, str], int]]:
    return [(dict(zip(names, labels, strict=True)), count) for labels, count in sorted(counts.items())]
