"""Numbers about a process as Prometheus reads them: families of samples in, text out.

In: families, each with its name, kind, help and samples. Out: the text form 0.0.4 of Prometheus, or OpenMetrics 1.0. Rules: a name that the
form does not allow is refused where the family is made; a label's value is written so that no text can end its line. Pure.
Source: the grammar of OpenMetrics 1.0; Prometheus, "Text-based format". Why not a library: docs/decisions/0023.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

PLAIN_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
OPEN_TYPE: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
GAUGE, COUNTER, HISTOGRAM = "gauge", "counter", "histogram"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_SUFFIXES: Final = {GAUGE: ("",), COUNTER: ("_total",), HISTOGRAM: ("_bucket", "_count", "_sum")}


@dataclass(frozen=True, slots=True)
class Sample:
    """One number with its labels; ``suffix`` is ``_total`` of a counter, ``_bucket``, ``_count`` or ``_sum`` of a histogram."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """Samples of one name: ``name`` is without the suffix. Raises: ValueError for what the form does not allow."""

    name: str
    kind: str
    help: str
    samples: Sequence[Sample]

    def __post_init__(self) -> None:
        """Refuse names that no reader would take."""
        names = {self.name, *(label for sample in self.samples for label in sample.labels)}
        wrong = [name for name in names if not _NAME.fullmatch(name)]
        if wrong or self.name.endswith("_total") or any(s.suffix not in _SUFFIXES[self.kind] for s in self.samples):
            raise ValueError(self.name, wrong)

    @property
    def sample_names(self) -> frozenset[str]:
        """The names under which a reader finds the samples of a family."""
        return frozenset(self.name + suffix for suffix in _SUFFIXES[self.kind])


def gauge(name: str, text: str, samples: Iterable[tuple[Mapping[str, str], float]]) -> Family:
    """Return numbers that go up and down, each with its labels."""
    return Family(name, GAUGE, text, [Sample(value, labels) for labels, value in samples])


def one(name: str, text: str, value: float | None) -> Family:
    """Return one number that goes up and down; none where it is not known."""
    return gauge(name, text, [] if value is None else [({}, value)])


def counter(name: str, text: str, samples: Iterable[tuple[Mapping[str, str], float]]) -> Family:
    """Return numbers that only grow; ``name`` is without ``_total``."""
    return Family(name, COUNTER, text, [Sample(value, labels, "_total") for labels, value in samples])


def number(value: float) -> str:
    """Return a number as both forms write it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(value) if isinstance(value, int) else repr(float(value))


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _line(name: str, sample: Sample) -> str:
    labels = ",".join(f'{label}="{_escaped(value)}"' for label, value in sample.labels.items())
    return f"{name}{sample.suffix}{{{labels}}} {number(sample.value)}" if labels else f"{name}{sample.suffix} {number(sample.value)}"  # fmt: skip


def render(families: Iterable[Family], *, openmetrics: bool) -> str:
    """Return families as text; a family without samples is left out. Raises: ValueError where two have one name."""
    lines: list[str] = []
    seen: set[str] = set()
    for family in families:
        if family.name in seen:
            raise ValueError(family.name)
        seen.add(family.name)
        if not family.samples:
            continue
        # The older form names a counter as its samples are named, and quotes nothing in a help.
        told = family.name if openmetrics or family.kind != COUNTER else f"{family.name}_total"
        text = _escaped(family.help) if openmetrics else family.help.replace("\\", r"\\").replace("\n", r"\n")
        lines += [f"# HELP {told} {text}", f"# TYPE {told} {family.kind}"]
        lines += [_line(family.name, sample) for sample in family.samples]
    return "\n".join([*lines, *(["# EOF"] if openmetrics else [])]) + "\n"
