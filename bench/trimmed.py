"""``rete`` that says what it truly holds: on SIGUSR2 it runs the collector and gives free memory back to the system. For bench/soak.

In: the words of a command: ``python -m bench.trimmed serve ...``. Out: what the command does. What the allocator keeps for later, and cycles that the collector has not
looked at yet (``runtime.settle_memory``), are no leak, and in twenty minutes they hide one.
"""

from __future__ import annotations

import ctypes
import gc
import signal

from node.__main__ import main


def give_back(*_: object) -> None:
    """Collect, and trim the heaps (glibc; elsewhere only the first)."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR2, give_back)
    main()
