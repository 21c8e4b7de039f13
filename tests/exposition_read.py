"""A reader of what Prometheus is told, by the grammar of its text form 0.0.4 and of OpenMetrics 1.0: it takes nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_NUMBER = r"(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|[+-]Inf|NaN)"
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
_SAMPLE = re.compile(rf"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{{({_LABEL}(?:,{_LABEL})*)\}})? ({_NUMBER})", re.ASCII)
_PART = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_META = re.compile(r"# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)")
_ENDS = {"gauge": ("",), "counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}


@dataclass
class Read:
    """One family: its kind, its help, and its samples by name and labels."""

    kind: str
    help: str
    samples: dict[tuple[str, tuple[tuple[str, str], ...]], float] = field(default_factory=dict)

    def value(self, suffix: str = "", **labels: str) -> float:
        """The sample with these very labels."""
        (found,) = [v for (name, held), v in self.samples.items() if name.endswith(suffix) and dict(held) == labels]
        return found


def read(text: str, *, openmetrics: bool) -> dict[str, Read]:
    """Families by name, without the suffix of a counter. Raises: AssertionError with the line that is wrong."""
    assert text.endswith("\n")
    lines = text[:-1].split("\n")
    if openmetrics:
        assert lines.pop() == "# EOF"
    families: dict[str, Read] = {}
    name, pending = "", ""
    for line in lines:
        meta = _META.fullmatch(line)
        if meta and meta[1] == "HELP":
            name, pending = meta[2], meta[3]
            assert name not in families, line
        elif meta:
            assert (meta[2] == name) & (meta[3] in _ENDS) & bool(pending), line
            families[name], pending = Read(meta[3], pending), ""
        else:
            sample = _SAMPLE.fullmatch(line)
            assert sample is not None, line
            assert not pending, line
            family = families[name]
            ends = ("",) if family.kind == "counter" and not openmetrics else _ENDS[family.kind]
            assert sample[1] in {name + end for end in ends}, line
            labels = tuple(
                (key, re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), told))
                for key, told in _PART.findall(sample[2] or "")
            )
            assert len({key for key, _ in labels}) == len(labels), line
            key = (sample[1], labels)
            assert key not in family.samples, line
            family.samples[key] = float(sample[3])
    for family in families.values():
        assert family.samples
        if family.kind == "histogram":
            _whole(family)
    return {name.removesuffix("_total"): family for name, family in families.items()}


def _whole(family: Read) -> None:
    """Buckets grow, the last is all of them."""
    series: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
    for (name, labels), value in family.samples.items():
        if name.endswith("_bucket"):
            rest = tuple(pair for pair in labels if pair[0] != "le")
            series.setdefault(rest, []).append((float(dict(labels)["le"]), value))
    for rest, buckets in series.items():
        assert buckets == sorted(buckets)
        assert [value for _, value in buckets] == sorted(value for _, value in buckets)
        assert buckets[-1] == (float("inf"), family.value("_count", **dict(rest)))
