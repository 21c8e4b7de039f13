"""Who decides at a terminal, and what every command with a decision does after it."""

from __future__ import annotations

import getpass
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import click

from node import runtime
from node.cli.frame import Face
from node.domain import officers
from node.errors import N_, CallerError
from node.flows.registry.acting import acting
from node.flows.upkeep import audit
from node.runtime import Node

BY = click.option("--by", "officer", metavar="NOME", help="Chi decide; altrimenti l'utente del sistema.")


def name_of(given: str | None) -> str:
    """Return the officer's name: what was given, else the system's user. Raises: CallerError(officer-missing)."""
    try:
        return (given or getpass.getuser()).strip().lower()
    except (OSError, KeyError) as error:
        # In a container the user may have a number and no name.
        raise CallerError(
            "officer-missing",
            N_("l'utente del sistema non ha un nome"),
            where="--by",
            hint=N_("indicare chi decide con --by"),
        ) from error


@asynccontextmanager
async def deciding(face: Face) -> AsyncIterator[Node]:
    """Open the node for a decision; what was decided is under the mark of the chain when the command ends."""
    async with runtime.open_node(face.home) as node:
        yield node
        await audit.keep_mark(node.pool, node.home)


@asynccontextmanager
async def acting_at(face: Face, officer: str | None) -> AsyncIterator[Node]:
    """Open the node for somebody who acts, by a name that can stand in the chain."""
    name = officers.check(name_of(officer))
    async with deciding(face) as node:
        with acting(name):
            yield node
