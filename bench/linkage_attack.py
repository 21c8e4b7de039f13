"""An attacker who shares no code with the node: reads the exported tables and tries every attack of docs/rules.md.

``python bench/linkage_attack.py --population pop.csv --profiles profiles.csv --labels labels.csv --truth truth.csv
[--days days.csv] [--k 5] [--json]``. Standard library alone. The truth only keeps the score, as does ``days.csv`` (profile_id,
version, day, place, edition: what the signed log shows to everybody of the day and order in which versions left, and the
number of the newest snapshot on that day). Every attack answers
with candidates (how many networks are left for each version) or with guesses (how often the first one is right). Exit 1 when
a profile is left with fewer than k candidates, or a guess is right more often than 2 times in k (and not by luck: of a few
profiles some are always guessed).
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

Row = dict[str, str]
LABELS = ("terr", "sett", "periodo", "taglia", "tema")
COLUMN_OF = {"COM": "comune", "PRO": "prov", "REG": "reg", "RIP": "rip", "T": "tema", "A6": "ateco"}
# NACE Rev. 2: the first division after each section.
SECTIONS = (
    (4, "A"), (10, "B"), (35, "C"), (36, "D"), (41, "E"), (45, "F"), (49, "G"), (55, "H"), (58, "I"), (64, "J"), (68, "K"),
    (69, "L"), (77, "M"), (84, "N"), (85, "O"), (86, "P"), (90, "Q"), (94, "R"), (97, "S"), (99, "T"), (100, "U"),
)  # fmt: skip


def read(path: Path) -> list[Row]:
    """Read one table."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def size_of(members: str) -> str:
    """Return the class of a number of firms."""
    return "2-3" if int(members) < 4 else "4-9" if int(members) < 10 else "10+"


def values_of(row: Row) -> Iterator[tuple[str, str]]:
    """Yield what can be said of a public row, as (column of a label, ``LEVEL:value``)."""
    for level in ("COM", "PRO", "REG", "RIP"):
        yield "terr", f"{level}:{row[COLUMN_OF[level]]}"
    code = row["ateco"]
    division = code[:2] if code[:2].isdigit() else "?"
    section = next((s for below, s in SECTIONS if division != "?" and int(division) < below), "?")
    yield from (("sett", f"A6:{code}"), ("sett", f"A2:{division}"), ("sett", f"SEZ:{section}"))
    yield from (("periodo", row["anno"]), ("taglia", size_of(row["n_imprese"])), ("tema", f"T:{row['tema']}"))


def said(label: str) -> list[str]:
    """Return the values of a label, each with its level; empty for anything."""
    if label == "*":
        return []
    level, colon, values = label.rpartition(":")
    return [f"{level}{colon}{value}" for value in values.split("|")]


class Register:
    """The public rows of one snapshot, found by what can be said of them, and by what the partition says."""

    def __init__(self, rows: list[Row], labelled: list[Row]) -> None:
        """Index."""
        self.rows = {row["pop_id"]: row for row in rows}
        self.saying: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for row in rows:
            for said_of in values_of(row):
                self.saying[said_of].add(row["pop_id"])
        self.blocks: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
        for row in labelled:
            self.blocks[tuple(row[name] for name in LABELS)].add(row["pop_id"])
        self._true: dict[tuple[str, ...], set[str]] = {}

    def true_of(self, look: tuple[str, ...]) -> set[str]:
        """Return the networks of which all labels are true."""
        if look not in self._true:
            found = set(self.rows)
            for name, label in zip(LABELS, look, strict=True):
                if label != "*":
                    found &= set().union(*(self.saying[name, value] for value in said(label)))
            self._true[look] = found
        return self._true[look]

    def within(self, scope: str) -> set[str] | None:
        """Return the networks of a scope, None for all."""
        return None if scope == "*" else set().union(*(self.saying["terr", value] for value in said(scope)))


def look_of(profile: Row) -> tuple[str, ...]:
    """Return what a profile shows."""
    return tuple(profile[name] for name in LABELS)


def beyond_luck(right: float, tried: int, bound: float) -> bool:
    """Tell whether more guesses were right than a guesser at the bound would reach once in twenty times."""
    if right <= bound * tried:
        return False
    n = range(int(right + 1e-9), tried + 1)
    logs = (math.lgamma(tried + 1) - math.lgamma(i + 1) - math.lgamma(tried - i + 1) for i in n)
    tail = sum(
        math.exp(c + i * math.log(bound) + (tried - i) * math.log(1 - bound)) for c, i in zip(logs, n, strict=True)
    )
    return tail < 0.05


class Score:
    """What the attacks came to."""

    def __init__(self, k: int) -> None:
        """Begin."""
        self.k = k
        self.lines: list[dict[str, Any]] = []

    def counted(self, attack: str, left: Iterable[int], missed: int) -> None:
        """Note an attack that leaves candidates; ``missed``: how often the true network was not among them."""
        found = list(left)
        below = sum(count < self.k for count in found)
        smallest = min(found, default=None)
        self.lines.append(
            {"attack": attack, "tried": len(found), "smallest": smallest, "below": below, "missed": missed, "broken": below > 0}
        )  # fmt: skip

    def guessed(self, attack: str, right: list[float], chance: list[float]) -> None:
        """Note an attack that guesses once for each profile; a tie counts its part."""
        share = sum(right) / len(right) if right else 0.0
        blind = sum(chance) / len(chance) if chance else 0.0
        self.lines.append(
            {
                "attack": attack,
                "tried": len(right),
                "share": share,
                "chance": blind,
                "broken": beyond_luck(sum(right), len(right), 2 / self.k),
            }
        )


def words(text: str) -> Counter[str]:
    """Return the character 3-5-grams of a text's words."""
    grams: Counter[str] = Counter()
    for word in re.findall(r"\w+", text.casefold()):
        padded = f" {word} "
        for size in (3, 4, 5):
            grams.update(padded[at : at + size] for at in range(len(padded) - size + 1))
    return grams


def similar(texts: list[str]) -> Callable[[str], list[float]]:
    """Return what tells how like each of ``texts`` another one is (cosine of TF-IDF)."""
    counted = [words(text) for text in texts]
    met = Counter(gram for grams in counted for gram in grams)
    weight = {gram: math.log((1 + len(texts)) / (1 + n)) + 1 for gram, n in met.items()}
    unknown = math.log(1 + len(texts)) + 1

    def vector(grams: Counter[str]) -> dict[str, float]:
        raw = {gram: n * weight.get(gram, unknown) for gram, n in grams.items()}
        length = math.sqrt(sum(value * value for value in raw.values())) or 1.0
        return {gram: value / length for gram, value in raw.items()}

    vectors = [vector(grams) for grams in counted]

    def compare(text: str) -> list[float]:
        asked = vector(words(text))
        return [sum(value * other.get(gram, 0.0) for gram, value in asked.items()) for other in vectors]

    return compare


def credit(names: list[str], scores: list[float], own: str) -> float:
    """Return how probably the best score is the true network's; 0 where it is not among the candidates."""
    best = max(scores, default=0.0)
    named = [name for name, score in zip(names, scores, strict=True) if score >= best - 1e-9]
    return (own in named) / max(1, len(named))


class Attack:
    """All attacks on one node's tables."""

    def __init__(self, tables: dict[str, list[Row]], k: int) -> None:
        """Index the tables."""
        snapshots = sorted({row["snapshot"] for row in tables["population"]}, key=int)
        self.registers = {
            at: Register(
                [row for row in tables["population"] if row["snapshot"] == at],
                [row for row in tables["labels"] if row["snapshot"] == at],
            )
            for at in snapshots
        }
        self.truth = {row["profile_id"]: row["pop_id"] for row in tables["truth"]}
        # What is in no register has no true row to look for.
        self.profiles = [row for row in tables["profiles"] if row["profile_id"] in self.truth]
        self.days = {(row["profile_id"], row["version"]): row for row in tables.get("days", [])}
        self.score = Score(k)
        self.versions: defaultdict[str, list[Row]] = defaultdict(list)
        for profile in self.profiles:
            self.versions[profile["profile_id"]].append(profile)

    def run(self) -> list[dict[str, Any]]:
        """Try everything."""
        linked = [self._register(p).true_of(look_of(p)) for p in self.profiles]
        self._count("nearest record", linked)
        known = [found & self._known(p) for p, found in zip(self.profiles, linked, strict=True)]
        self._count("node scope", known)
        ruled = [self._register(p).blocks[look_of(p)] & self._known(p) for p in self.profiles]
        self._count("known rule (pre-image)", ruled)
        everywhere: dict[str, set[str]] = {}
        for profile, found in zip(self.profiles, ruled, strict=True):
            seen = everywhere.get(profile["profile_id"])
            everywhere[profile["profile_id"]] = found if seen is None else seen & found
        self._count("versions intersected", [everywhere[p["profile_id"]] for p in self.profiles])
        self._then()
        self._returns(everywhere)
        self._days(everywhere)
        self._texts(everywhere)
        self._sizes(everywhere)
        self._order()
        return self.score.lines

    def _register(self, profile: Row) -> Register:
        return self.registers[profile["snapshot"]]

    def _known(self, profile: Row) -> set[str]:
        register = self._register(profile)
        within = register.within(profile["node_scope"])
        return set(register.rows) if within is None else within

    def _count(self, attack: str, candidates: list[set[str]]) -> None:
        missed = sum(self.truth[p["profile_id"]] not in c for p, c in zip(self.profiles, candidates, strict=True))
        self.score.counted(attack, map(len, candidates), missed)

    def _then(self) -> None:
        """Intersect versions with the register as it was when each of them left: who ceased meanwhile, or came, is out."""
        together: dict[str, set[str]] = {}
        for profile in self.profiles:
            shown = self.days.get((profile["profile_id"], profile["version"]))
            register = self.registers[
                max(shown["edition"], profile["snapshot"], key=int) if shown else profile["snapshot"]
            ]
            within = register.within(profile["node_scope"])
            seen = register.true_of(look_of(profile)) & (set(register.rows) if within is None else within)
            together[profile["profile_id"]] = together.get(profile["profile_id"], seen) & seen
        self._count("versions, register of the day", [together[p["profile_id"]] for p in self.profiles])

    def _returns(self, everywhere: dict[str, set[str]]) -> None:
        """Somebody who recognises a network that came back under another identifier intersects both."""
        together: dict[str, set[str]] = {}
        times: Counter[str] = Counter()
        for profile_id, found in everywhere.items():
            network = self.truth[profile_id]
            together[network] = together.get(network, found) & found
            times[network] += 1
        again = [len(found) for network, found in together.items() if times[network] > 1]
        self.score.counted("same network, several ids", again, 0)

    def _days(self, everywhere: dict[str, set[str]]) -> None:
        """Bet that what leaves after a new edition is new in it; and that what leaves in its first round is not."""
        first = {
            p["profile_id"]: p
            for p in sorted(self.profiles, key=lambda p: -int(p["version"]))
            if p["snapshot"] != "0" and (p["profile_id"], p["version"]) in self.days
        }
        day_of = {i: int(self.days[i, p["version"]]["day"]) for i, p in first.items()}
        opening = {
            at: min((day_of[i] for i, p in first.items() if p["snapshot"] == at), default=0) for at in self.registers
        }
        right, chance, left, missed = [], [], [], 0
        for profile_id, profile in first.items():
            before = self.registers[str(int(profile["snapshot"]) - 1)]
            candidates = everywhere[profile_id]
            new = {name for name in candidates if name not in before.rows}
            if 0 < len(new) < self.score.k:
                right.append((self.truth[profile_id] in new) / len(new))
                chance.append(1 / max(1, len(candidates)))
            if day_of[profile_id] == opening[profile["snapshot"]] and 0 < len(new) <= self.score.k:
                # Whoever is new and alone waits: what leaves at once is of the others.
                left.append(len(candidates - new))
                missed += self.truth[profile_id] in new
        self.score.guessed("publication day: new ones first", right, chance)
        self.score.counted("publication day: new ones wait", left, missed)

    def _texts(self, everywhere: dict[str, set[str]]) -> None:
        compare: dict[tuple[str, frozenset[str]], tuple[list[str], Callable[[str], list[float]]]] = {}
        right, chance = [], []
        for profile in self.profiles:
            if not profile["testo"]:
                continue
            rows = self._register(profile).rows
            key = (profile["snapshot"], frozenset(everywhere[profile["profile_id"]]))
            if key not in compare:
                names = sorted(key[1])
                compare[key] = names, similar([rows[name]["testo"] for name in names])
            names, measure = compare[key]
            right.append(credit(names, measure(profile["testo"]), self.truth[profile["profile_id"]]))
            chance.append(1 / max(1, len(names)))
        self.score.guessed("text similarity", right, chance)

    def _sizes(self, everywhere: dict[str, set[str]]) -> None:
        told = [p for p in self.profiles if p["testo"]]
        by_text: list[float] = []
        by_firms: list[float] = []
        chance = []
        for measure, right in ((lambda r: len(r["testo"]), by_text), (lambda r: int(r["n_imprese"]), by_firms)):
            mean = sum(len(p["testo"]) for p in told) / max(1, len(told))
            means = [
                sum(measure(self._register(p).rows[name]) for name in everywhere[p["profile_id"]])
                / max(1, len(everywhere[p["profile_id"]]))
                for p in told
            ]
            scale = (sum(means) / len(means) / mean) if told else 1.0
            for profile in told:
                names = sorted(everywhere[profile["profile_id"]])
                sizes = [measure(self._register(profile).rows[name]) for name in names]
                near = [-abs(size - scale * len(profile["testo"])) for size in sizes]
                right.append(credit(names, near, self.truth[profile["profile_id"]]))
        chance = [1 / max(1, len(everywhere[p["profile_id"]])) for p in told]
        self.score.guessed("size: length of the object", by_text, chance)
        self.score.guessed("size: number of firms", by_firms, chance)

    def _order(self) -> None:
        """Ask whether the order inside a round, or in the file, follows that of the register."""
        rounds: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        for (profile_id, _), row in self.days.items():
            if profile_id in self.truth:
                rounds[row["day"]].append((int(row["place"]), self.truth[profile_id]))
        in_file = [(at, self.truth[p["profile_id"]]) for at, p in enumerate(self.profiles) if p["version"] == "1"]
        for attack, lists in (("order in a round", list(rounds.values())), ("order in the file", [in_file])):
            score, variance = 0, 0.0
            for found in lists:
                names = [name for _, name in sorted(found)]
                n = len(names)
                score += sum((a < b) - (a > b) for at, a in enumerate(names) for b in names[at + 1 :])
                variance += n * (n - 1) * (2 * n + 5) / 18
            far = score / math.sqrt(variance) if variance else 0.0
            self.score.lines.append(
                {"attack": attack, "tried": sum(map(len, lists)), "deviations": far, "broken": abs(far) > 4}
            )


def main() -> int:
    """Attack."""
    parser = argparse.ArgumentParser()
    for name in ("population", "profiles", "labels", "truth"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--days", type=Path)
    parser.add_argument("--k", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    names = ["population", "profiles", "labels", "truth", *(["days"] if given.days else [])]
    lines = Attack({name: read(getattr(given, name)) for name in names}, given.k).run()
    if given.json:
        print(json.dumps(lines))
    else:
        for line in lines:
            print("  ".join(f"{name}={value:.3f}" if isinstance(value, float) else f"{name}={value}" for name, value in line.items()))  # fmt: skip
    return 1 if any(line["broken"] for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
