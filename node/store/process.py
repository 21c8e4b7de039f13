"""What the operating system tells of this very process: memory, open files, processor time, since when it runs.

In: nothing. Out: numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]


@dataclass(frozen=True, slots=True)
class Process:
    """This process: bytes in memory, open files, seconds of processor time, when it began (seconds since 1970)."""

    resident_bytes: int
    open_fds: int
    cpu_s: float
    started_at: float


def read() -> Process:
    """Return how this process is."""
    process = psutil.Process()
    with process.oneshot():
        times = process.cpu_times()
        return Process(process.memory_info().rss, process.num_fds(), times.user + times.system, process.create_time())
