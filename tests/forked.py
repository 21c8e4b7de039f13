"""Commands as processes of their own, forked from one that has read the program: to start Python takes longer than most commands.

In: words, an environment, bytes for standard input. Out: exit status, standard output, standard error, all of a real process
with its own files. What starts anew as a user's shell does is tried by tests/cli/test_demo.py and test_serve.py.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]


class Forge:
    """The process that forks, started when it is first asked; one command at a time."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._process: subprocess.Popen[str] | None = None
        self._turn = threading.Lock()

    def run(self, words: Sequence[str], environment: Mapping[str, str], given: bytes = b"") -> tuple[int, bytes, bytes]:
        """Run ``rete`` with these words; return (exit status, standard output, standard error)."""
        with self._turn, tempfile.TemporaryDirectory(prefix="rete-forked-") as folder:
            files = [Path(folder) / name for name in ("in", "out", "err")]
            files[0].write_bytes(given)
            process = self._started()
            assert process.stdin is not None
            assert process.stdout is not None
            request = {"words": list(words), "environment": dict(environment), "files": [str(file) for file in files]}
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            status = int(process.stdout.readline())
            return status, files[1].read_bytes(), files[2].read_bytes()

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.forked"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=CHECKOUT, text=True,
            )  # fmt: skip
            atexit.register(self._end, self._process)
        return self._process

    @staticmethod
    def _end(process: subprocess.Popen[str]) -> None:
        process.communicate()


FORGE = Forge()


def _obey(request: Mapping[str, object]) -> None:
    """Be the command: with its words, its environment, its files."""
    words, environment, files = request["words"], request["environment"], request["files"]
    assert isinstance(words, list)
    assert isinstance(environment, dict)
    assert isinstance(files, list)
    flags = (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT)
    for number, (file, flag) in enumerate(zip(files, flags, strict=True)):
        os.dup2(os.open(file, flag, 0o600), number)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["rete", *words]
    importlib.import_module("node.__main__").main()


def _fork(request: Mapping[str, object]) -> int:
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    status = 1
    try:
        _obey(request)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # noqa: BLE001 - told as the interpreter would
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _serve() -> None:
    """Read the program once, then be told what to do, a line each."""
    for module, _, _ in importlib.import_module("node.__main__").COMMANDS.values():
        importlib.import_module(module)
    importlib.import_module("node.runtime")
    for line in sys.stdin:
        sys.stdout.write(f"{_fork(json.loads(line))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
