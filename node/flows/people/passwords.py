"""Passwords hashed and compared in a small pool of threads of their own: argon2id, bounded in memory, time and waiting.

In: a password in normal form. Out: its hash, or whether it fits one. Rules: so many at once and so many waiting, and one more is
refused at once; nobody who signs in takes threads or memory from the rest of the node. Source: RFC 9106, section 4.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from node.errors import N_, CallerError

T = TypeVar("T")
# RFC 9106's second choice (64 MiB, three passes) on one lane: 0.3 to 0.5 s on two busy cores, so two or three sign-ins a second.
MEMORY_KIB: Final = 65_536
PASSES: Final = 3
THREADS: Final = 1
SALT_BYTES, DIGEST_BYTES = 16, 32
WAITING: Final = 16
RETRY_AFTER_S: Final = 5


class Hasher:
    """The one place of a process where passwords are hashed; close it at the end."""

    def __init__(
        self, *, memory_kib: int = MEMORY_KIB, passes: int = PASSES, threads: int = THREADS, waiting: int = WAITING
    ) -> None:
        """Begin with nobody waiting. Lower costs are for tests."""
        self._argon = argon2.PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="passwords")
        self._room = threads + waiting
        self._inside = 0
        # What an account that is not there is compared with: the same work as for one that is, and no password fits it.
        salt, digest = (base64.b64encode(bytes(size)).decode().rstrip("=") for size in (SALT_BYTES, DIGEST_BYTES))
        self._nobody = f"$argon2id$v=19$m={memory_kib},t={passes},p=1${salt}${digest}"

    async def hash(self, password: str) -> str:
        """Return the hash of a password. Raises: CallerError(rate-limited) when too many wait."""
        return await self._run(lambda: self._argon.hash(password))

    async def fits(self, kept: str | None, password: str) -> bool:
        """Tell whether a password is the one of a hash; without a hash it never is, and takes as long.

        Raises: CallerError(rate-limited) when too many wait.
        """
        return await self._run(lambda: self._compare(kept or self._nobody, password)) and kept is not None

    def is_dated(self, kept: str) -> bool:
        """Tell whether a hash was made with other costs than today's."""
        return self._argon.check_needs_rehash(kept)

    def close(self) -> None:
        """End the threads; what is under way is finished, what waits is dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _compare(self, kept: str, password: str) -> bool:
        try:
            return self._argon.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._inside >= self._room:
            raise CallerError(
                "rate-limited",
                N_("troppe richieste: riprovare tra {retry_after_s} secondi"),
                retry_after_s=RETRY_AFTER_S,
            )
        self._inside += 1
        future = self._threads.submit(work)
        # Counted until the thread is done with it, also when whoever asked has gone.
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._leave) if not loop.is_closed() else None)
        return await asyncio.wrap_future(future)

    def _leave(self) -> None:
        self._inside -= 1
