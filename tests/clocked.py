"""``rete`` with a clock that a test sets: a process of its own, real in all else.

In: a file with the seconds by which the clock is ahead of the real one, and the words of a command: ``python -m tests.clocked FILE serve ...``.
Out: what the command does. The clock ticks on from where it was set.
"""

from __future__ import annotations

import datetime as dt
import functools
import sys
from dataclasses import dataclass
from pathlib import Path

from node import runtime
from node.__main__ import main


@dataclass(frozen=True, slots=True)
class Ahead:
    """The clock of all processes that were started with its file."""

    file: Path

    def set(self, moment: dt.datetime) -> None:
        """Let it be some moment now; never half a number, whoever reads it meanwhile."""
        draft = self.file.with_suffix(".new")
        draft.write_text(f"{(moment - dt.datetime.now(dt.UTC)).total_seconds()}", encoding="ascii")
        draft.replace(self.file)

    def __call__(self) -> dt.datetime:
        """Tell the time."""
        return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=float(self.file.read_text(encoding="ascii")))


if __name__ == "__main__":
    runtime.open_node = functools.partial(runtime.open_node, clock=Ahead(Path(sys.argv.pop(1))))  # type: ignore[assignment]
    main()
