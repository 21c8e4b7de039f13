"""The release before this one, as CHANGELOG.md names it: its checkout in a folder, its commands as processes.

``RETE_PREVIOUS=whole`` (``make prove``) gives it an environment of its own from its own locks; ``here``, or nothing, uses this one's, which is
allowed only while all that the older one locks is locked here in that very version.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from node.flows.upkeep.home import Facts

ROOT = Path(__file__).resolve().parents[1]
ASKED = os.environ.get("RETE_PREVIOUS", "")
WHOLE = ASKED in ("whole", "here")
NAMED = re.compile(
    r"^Release before this one: (?P<version>\d+\.\d+\.\d+), commit `(?P<commit>[0-9a-f]{40})`", re.MULTILINE
)
LOCKS = ("requirements.lock", "requirements.dev.lock")
LOCKED = re.compile(r"^[a-z0-9._-]+==[^ \\;]+", re.MULTILINE)


def named() -> tuple[str, str]:
    """Version and commit of the release before, as the changelog says."""
    found = NAMED.search((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert found, "CHANGELOG.md names no release before this one"
    return found["version"], found["commit"]


@dataclass(frozen=True, slots=True)
class Release:
    """A checkout of the program and the interpreter that runs it."""

    root: Path
    python: str

    @property
    def environment(self) -> dict[str, str]:
        """What its processes see: its own modules and nobody's home."""
        # Compiled anew at each start, a program would take ten times as long to answer.
        kept = {k: v for k, v in os.environ.items() if not k.startswith("RETE_") and k != "PYTHONDONTWRITEBYTECODE"}
        return {**kept, "PYTHONPATH": str(self.root), "PYTHONUNBUFFERED": "1"}

    async def run(self, *words: str) -> tuple[int, bytes, str]:
        """Run Python with words; return (exit status, standard output, standard error)."""
        process = await asyncio.create_subprocess_exec(
            *(self.python, "-P", *words), cwd=self.root, env=self.environment,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        return process.returncode or 0, out, err.decode()

    async def rete(self, home: Path, *words: str) -> dict[str, Any]:
        """Run one command that must succeed, with --json."""
        status, out, err = await self.run("-m", "node", *words, "--home", str(home), "--json")
        assert status == 0, (words, err)
        return dict(json.loads(out))

    async def made(self, what: str, home: Path, facts: Facts, *rest: object) -> dict[str, Any]:
        """Make or fill a home (tests/previous_made.py) by this release's own code."""
        given = json.dumps({name: getattr(facts, name) for name in facts.__slots__})
        script = str(ROOT / "tests" / "previous_made.py")
        status, out, err = await self.run(script, what, str(home), given, *map(json.dumps, rest))
        assert status == 0, err
        return dict(json.loads(out.splitlines()[-1]))

    @asynccontextmanager
    async def serving(self, home: Path, port: int) -> AsyncIterator[None]:
        """Serve a home by ``rete serve`` for the time of a block."""
        log = home.parent / f"{home.name}.log"
        with log.open("ab") as out:
            process = await asyncio.create_subprocess_exec(
                *(self.python, "-P", "-m", "node", "serve", "--home", str(home), "--exit-with-parent"),
                cwd=self.root, env=self.environment, stdin=asyncio.subprocess.PIPE, stdout=out, stderr=out,
            )  # fmt: skip
        try:
            async with asyncio.timeout(90), aiohttp.ClientSession() as session:
                while True:
                    assert process.returncode is None, log.read_text(encoding="utf-8")[-3000:]
                    try:
                        async with session.get(f"http://127.0.0.1:{port}/status") as reply:
                            if reply.status == 200:
                                break
                    except aiohttp.ClientError:
                        pass
                    await asyncio.sleep(0.1)
            yield
        finally:
            if process.returncode is None:
                process.terminate()
                try:
                    await asyncio.wait_for(process.wait(), 20)
                except TimeoutError:
                    process.kill()
                    await process.wait()


THIS = Release(ROOT, sys.executable)


def locked(lock: Path) -> set[str]:
    """The packages of a lock, each with its version."""
    return set(LOCKED.findall(lock.read_text(encoding="utf-8")))


def git(*words: str) -> bytes | None:
    """What git says, None where it can't: no repository, no such commit."""
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout


def previous(folder: Path) -> Release:
    """Install the release before this one into a folder; skip, with the reason, where that can't be done."""
    version, commit = named()
    packed = git("archive", commit)
    if packed is None:
        pytest.skip(f"the commit of release {version} is not here: a shallow clone, or no repository")
    root = folder / "previous"
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(root, filter="data")
    if ASKED != "whole":
        if any(locked(root / lock) - locked(ROOT / lock) for lock in LOCKS):
            pytest.skip(f"release {version} locks other packages: RETE_PREVIOUS=whole installs them (make prove)")
        return Release(root, sys.executable)
    place = folder / "environment"
    for lock in LOCKS:
        words = [sys.executable, str(root / "deploy" / "bootstrap.py"), str(place), str(root / lock)]
        subprocess.run(words, check=True, cwd=root, capture_output=True)
    return Release(root, str(place / "bin" / "python"))
