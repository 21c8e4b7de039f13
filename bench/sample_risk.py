"""Our measures of a sample against another tool's: pycanon, in an environment of its own that knows nothing of the node.

``python bench/sample_risk.py write FOLDER`` (with the node): a generated register of 9,630 contracts, its partition, 2,000
profiles with what they say that is sensitive; writes the sample and the population as tables and what node/domain/risk.py says
of them. ``python bench/sample_risk.py compare FOLDER`` (with pycanon 1.3.6): measures the tables anew. Exit 1 where they differ.
Compared, by all five labels (where most profiles are alone in the sample) and by coarse attributes (where they are not): k-anonymity, distinct and entropy l-diversity, alpha of (alpha, k); and the
journalist's risk as one over the k-anonymity of those networks of the population that look like a profile of the sample.
"""

from __future__ import annotations

import csv
import json
import random
import sys
from pathlib import Path
from typing import Any

LABELS = ("terr", "sett", "periodo", "taglia", "tema")
COARSE = ("rip", "dimensione")
COLUMNS = (*LABELS, *COARSE)
VIEWS = {"five labels": LABELS, "macro-area and size": COARSE, "macro-area": COARSE[:1], "size": COARSE[1:]}
SEED, CONTRACTS, PROFILES = 1, 9_630, 2_000
TOLERANCE = 1e-9


def write(folder: Path) -> int:
    """Make the tables and say what we measure."""
    from node.domain import partition, risk  # noqa: PLC0415 - the other half runs where the node is not
    from node.domain.chamber import parse_sheets  # noqa: PLC0415
    from node.domain.generation.enrichment import enrich  # noqa: PLC0415
    from node.domain.generation.national import generate  # noqa: PLC0415
    from node.domain.partition_form import ATTRIBUTES  # noqa: PLC0415
    from node.store.reference import load_sectors, load_territories  # noqa: PLC0415

    territories, sectors = load_territories(), load_sectors()
    made = generate(contracts=CONTRACTS, seed=SEED, territories=territories, sectors=sectors)
    found = parse_sheets({"Elenco": made.contracts, "Sogg. Giu.": made.entities}, territories, sectors)
    rows = [row for row in found.networks if row.active]
    built = partition.build(rows, version=1, snapshot="2024-12-31", scope=(), territories=territories, sectors=sectors)
    looks = {}
    for row in rows:
        labels = built.lookup(row, sectors).labels
        shown = (f"{labels[n].level}:{'|'.join(labels[n].values)}" for n in ATTRIBUTES)
        looks[row.register_id] = (*shown, row.macro or "?", partition.size_class(row.members))
    chosen = random.Random(SEED).sample([row for row in rows if row.members >= 2], PROFILES)
    said = {}
    for row in chosen:
        record = enrich([row], count=1, seed=SEED)[0]
        said[row.register_id] = "|".join(sorted((*record.extras, *record.certifications))) or "-"
    folder.mkdir(parents=True, exist_ok=True)
    _write_table(folder / "population.csv", COLUMNS, list(looks.values()))
    sample = [(*looks[key], what) for key, what in said.items()]
    _write_table(folder / "sample.csv", (*COLUMNS, "sensibile"), sample)
    ours: dict[str, Any] = {}
    for view, names in VIEWS.items():
        at = [COLUMNS.index(name) for name in names]
        alike = [tuple(row[i] for i in at) for row in sample]
        everybody = [tuple(look[i] for i in at) for look in looks.values()]
        counts = {look: everybody.count(look) for look in set(alike)}
        measured = risk.sample(alike, [row[-1] for row in sample])
        risks = risk.risks([counts[look] for look in alike], alike)
        assert measured is not None
        assert risks is not None
        ours[view] = {
            "k": measured.k, "l": measured.distinct, "entropy l": measured.entropy, "alpha": measured.alpha,
            "journalist": risks.journalist, "prosecutor": risks.prosecutor,
        }  # fmt: skip
    (folder / "ours.json").write_text(json.dumps(ours, indent=1), encoding="utf-8")
    return 0


def _write_table(path: Path, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def compare(folder: Path) -> int:
    """Measure the same with pycanon."""
    import pandas as pd  # noqa: PLC0415 - the other half runs where pycanon is not
    from pycanon import anonymity  # noqa: PLC0415

    ours = json.loads((folder / "ours.json").read_text(encoding="utf-8"))
    sample = pd.read_csv(folder / "sample.csv", dtype=str, keep_default_na=False)
    population = pd.read_csv(folder / "population.csv", dtype=str, keep_default_na=False)
    wrong = 0
    for view, names in VIEWS.items():
        by = list(names)
        k = anonymity.k_anonymity(sample, by)
        looking = population.merge(sample[by].drop_duplicates(), on=by)
        theirs = {
            "k": k,
            "l": anonymity.l_diversity(sample, by, ["sensibile"]),
            "entropy l": anonymity.entropy_l_diversity(sample, by, ["sensibile"]),
            "alpha": anonymity.alpha_k_anonymity(sample, by, ["sensibile"])[0],
            "journalist": 1 / anonymity.k_anonymity(looking, by),
            "prosecutor": 1 / k,
        }
        for name, value in theirs.items():
            same = abs(ours[view][name] - value) < TOLERANCE
            wrong += not same
            print(f"{view:22}{name:12}{ours[view][name]:12.6f}{value:12.6f}  {'same' if same else 'DIFFERENT'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit({"write": write, "compare": compare}[sys.argv[1]](Path(sys.argv[2])))
