"""What a profile still says when nobody can recognise its network: shares of networks by what their block's labels keep.

``python bench/partition_utility.py [--seeds 5]``: generated national registers of 9,630 contracts, the partition at k_build = 8 over
the whole country and over scopes of about 1,000, 250 and 60 active networks (neighbouring provinces of one region, then of
others, in order of code). Prints one line per claim, medians over the seeds with the range; exit 1 when an aim is missed.
The aims are those of the national scope; the small scopes have none and are stated.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence

from node.domain import partition
from node.domain.chamber import parse_sheets
from node.domain.generation.national import generate
from node.domain.partition_form import Block
from node.domain.register import RegisterNetwork
from node.store.reference import load_sectors, load_territories

CONTRACTS = 9630
SCOPES = (1_000, 250, 60)
TERRITORIES, SECTORS = load_territories(), load_sectors()
FINE_TERRITORY = ("PRO", "COM")


def _regions(block: Block) -> int:
    """Return how many regions a block's territory may be in; 99 where it says nothing narrower than a macro-area."""
    label = block.labels["territory"]
    if label.level == "REG":
        return len(label.values)
    if label.level in FINE_TERRITORY:
        found = (TERRITORIES.area(value) for value in label.values)
        regions = {r for area in found if area for r in TERRITORIES.ancestors(area.code) if len(r) == len("ITF4")}
        return len(regions) if all(TERRITORIES.area(value) for value in label.values) else 99
    return 99


def _one_province(block: Block) -> bool:
    return block.labels["territory"].level in FINE_TERRITORY and len(block.labels["territory"].values) == 1


def _one(name: str, *levels: str) -> Callable[[Block], bool]:
    return lambda block: block.labels[name].level in levels and len(block.labels[name].values) == 1


KEEPS: tuple[tuple[str, Callable[[Block], bool], float | None], ...] = (
    ("province, or at most two regions", lambda block: _regions(block) <= 2, 0.70),
    ("one region or finer", lambda block: _regions(block) == 1, None),
    ("one province or finer", _one_province, None),
    ("one section or division or finer", _one("sector", "SEZ", "A2", "A6"), 0.85),
    ("one division or finer", _one("sector", "A2", "A6"), None),
    ("a period", lambda block: bool(block.labels["period"].values), None),
    ("the size class", _one("size", "SIZE"), None),
    ("the theme", _one("theme", "THEME"), None),
)


def shares(rows: Sequence[RegisterNetwork], scope: tuple[str, ...]) -> tuple[list[float], int, int, float]:
    """Return (share of networks per claim, blocks, smallest block, seconds) of a scope."""
    began = time.perf_counter()
    made = partition.build(
        rows, version=1, snapshot="2024-12-31", scope=scope, territories=TERRITORIES, sectors=SECTORS
    )
    took = time.perf_counter() - began
    total = sum(block.count for block in made.blocks)
    kept = [sum(block.count for block in made.blocks if keeps(block)) / total for _, keeps, _ in KEEPS]
    return kept, len(made.blocks), min(block.count for block in made.blocks), took


def scope_of(rows: Sequence[RegisterNetwork], wanted: int) -> tuple[tuple[str, ...], int]:
    """Return provinces, in order of region and code, that together have about ``wanted`` active networks."""
    counts: dict[tuple[str, str], int] = {}
    for row in rows:
        if row.active:
            counts[row.region, row.province] = counts.get((row.region, row.province), 0) + 1
    if min(counts.values()) > wanted:
        return (), 0
    start = min(range(len(counts)), key=lambda at: abs(sorted(counts.items())[at][1] - wanted))
    ordered = sorted(counts.items())
    chosen: list[str] = []
    held = 0
    for (_, province), count in ordered[start:] + ordered[:start]:
        if held + count > wanted * 1.2 and chosen:
            continue
        chosen.append(province)
        held += count
        if held >= wanted * 0.85:
            break
    return tuple(sorted(chosen)), held


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    found: dict[int, list[tuple[list[float], int, int, float, int]]] = {}
    for seed in range(1, parser.parse_args().seeds + 1):
        made = generate(contracts=CONTRACTS, seed=seed, territories=TERRITORIES, sectors=SECTORS)
        rows = list(
            parse_sheets({"Elenco": made.contracts, "Sogg. Giu.": made.entities}, TERRITORIES, SECTORS).networks
        )
        found.setdefault(0, []).append((*shares(rows, ()), sum(row.active for row in rows)))
        for wanted in SCOPES:
            scope, held = scope_of(rows, wanted)
            found.setdefault(wanted, []).append((*shares(rows, scope), held))
    missed = 0
    for wanted, runs in found.items():
        networks = statistics.median(run[4] for run in runs)
        where = "all Italy" if not wanted else f"a scope of about {wanted}"
        print(
            f"{where}: {networks:.0f} active networks, {statistics.median(run[1] for run in runs):.0f} blocks, smallest "
            f"{min(run[2] for run in runs)}, built in {statistics.median(run[3] for run in runs):.2f} s ({len(runs)} seeds)"
        )
        for at, (name, _, aim) in enumerate(KEEPS):
            kept = [100 * run[0][at] for run in runs]
            told = f"  {name}: {statistics.median(kept):.1f} % ({min(kept):.1f}-{max(kept):.1f})"
            if aim is not None and not wanted:
                reached = min(kept) >= 100 * aim
                missed += not reached
                told += f" (aim {100 * aim:.0f} %) {'ok' if reached else 'MISSED'}"
            print(told)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
