"""The indicators of the Observatory: what each number is, before anybody counts it.

In: nothing. Out: one entry an indicator, whose sentences are catalogue ids (Italian, with English in the message files). Rules: no table
without an indicator; a definition says what is counted and what is not, a formula how, a source whose numbers they are; ``tier`` is
the level of disclosure (docs/rules.md S: 1 = from public data or published profiles, 2 = under disclosure control). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Indicator:
    """One indicator; ``unit`` is the noun of its numbers, ``decimals`` how exactly they are said."""

    ident: str
    title: str
    definition: str
    formula: str
    unit: str
    source: str
    tier: int = 1
    decimals: int = 0


_ALL: Final[tuple[Indicator, ...]] = ()
INDICATORS: Final[Mapping[str, Indicator]] = {found.ident: found for found in _ALL}
