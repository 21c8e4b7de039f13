"""``rete observatory ...``: the national picture, built, published and handed out."""

from __future__ import annotations

import click

from node.cli import observatory_publish


@click.group("observatory", help="L'Osservatorio nazionale: indicatori, pubblicazione, dati aperti.")
def observatory() -> None:
    """Hold the Observatory's commands."""


observatory_publish.add_to(observatory)
