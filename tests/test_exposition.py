"""The text that Prometheus reads: in both forms, whatever the labels hold, and never more series than there may be."""

from __future__ import annotations

import math

import pytest

from node import meters
from node.exposition import COUNTER, GAUGE, Family, Sample, counter, gauge, number, one, render
from node.meters import OTHER, SERIES_MAX, Meters, face_of
from tests.exposition_read import read

ODD = 'a "quoted" \\ back\nslash {x="y"} 1 é'


@pytest.mark.parametrize("openmetrics", [False, True])
def test_whatever_a_label_holds_is_read_again(openmetrics: bool) -> None:
    """Quotes, backslashes and ends of lines end no label and no line."""
    families = [
        gauge("a", 'Help with "quotes", \\ and\na line.', [({"x": ODD, "y": ""}, 1), ({"x": "\\n"}, -2.5)]),
        counter("b", "Grows.", [({}, 3)]),
        one("c", "Not known.", None),
        one("d", "Known.", 0),
    ]
    found = read(render(families, openmetrics=openmetrics), openmetrics=openmetrics)
    assert set(found) == {"a", "b", "d"}
    assert found["a"].value(x=ODD, y="") == 1
    assert found["a"].value(x="\\n") == -2.5
    assert found["b"].value() == 3


def test_the_forms_differ_where_they_must() -> None:
    """A counter is named with its suffix in the older form alone; the newer one has an end."""
    families = [counter("b", "Grows.", [({}, 3)])]
    assert render(families, openmetrics=False) == "# HELP b_total Grows.\n# TYPE b_total counter\nb_total 3\n"
    assert render(families, openmetrics=True) == "# HELP b Grows.\n# TYPE b counter\nb_total 3\n# EOF\n"


def test_numbers_are_written_as_both_forms_have_them() -> None:
    """Also those that are none."""
    told = [number(value) for value in (0, 7, 0.1, 1e21, math.inf, -math.inf, math.nan)]
    assert told == ["0", "7", "0.1", "1e+21", "+Inf", "-Inf", "NaN"]


@pytest.mark.parametrize(
    ("name", "kind", "sample"),
    [
        ("A", GAUGE, Sample(1)),
        ("a-b", GAUGE, Sample(1)),
        ("a_total", COUNTER, Sample(1, {}, "_total")),
        ("a", COUNTER, Sample(1)),
        ("a", GAUGE, Sample(1, {}, "_sum")),
        ("a", GAUGE, Sample(1, {"x y": ""})),
        ("a", GAUGE, Sample(1, {"é": ""})),
    ],
)
def test_what_no_reader_takes_is_not_made(name: str, kind: str, sample: Sample) -> None:
    """Names and suffixes are the programmer's: a wrong one fails where it is written."""
    with pytest.raises(ValueError, match=name):
        Family(name, kind, "x", [sample])


def test_two_families_of_one_name_are_refused() -> None:
    """A reader would take one of them."""
    with pytest.raises(ValueError, match="a"):
        render([one("a", "x", 1), one("a", "y", 2)], openmetrics=False)


def test_a_process_counts_by_route_face_and_outcome() -> None:
    """A request on the edge of a bucket belongs to it; what went well is ok."""
    counted = Meters()
    counted.answered("/api/v1/profiles", 200, 0.005)
    counted.answered("/api/v1/profiles", 404, 20.0)
    counted.answered("/cerca", 200, 0.3)
    counted.pulled("cmto", "")
    counted.pulled("cmto", "road-refused")
    counted.turned("due", "")
    found = read(render(counted.families(), openmetrics=True), openmetrics=True)
    assert found["rete_requests"].value(route="/api/v1/profiles", status="2xx") == 1
    assert found["rete_requests"].value(route="/api/v1/profiles", status="4xx") == 1
    assert found["rete_request_seconds"].value("_bucket", face="api", le="0.005") == 1
    assert found["rete_request_seconds"].value("_bucket", face="api", le="10.0") == 1
    assert found["rete_request_seconds"].value("_bucket", face="api", le="+Inf") == 2
    assert found["rete_request_seconds"].value("_sum", face="api") == pytest.approx(20.005)
    assert found["rete_request_seconds"].value("_count", face="page") == 1
    assert found["rete_pulls"].value(peer="cmto", outcome="road-refused") == 1
    assert found["rete_job_turns"].value(task="due", outcome="ok") == 1


def test_however_much_comes_there_are_so_many_series_and_no_more() -> None:
    """What is beyond is counted together; nothing is lost."""
    counted = Meters()
    for n in range(SERIES_MAX + 50):
        counted.pulled(f"peer{n}", "")
    found = read(render(counted.families(), openmetrics=False), openmetrics=False)["rete_pulls"]
    assert len(found.samples) == SERIES_MAX + 1
    assert sum(found.samples.values()) == SERIES_MAX + 50
    assert found.value(peer=OTHER, outcome=OTHER) == 50


def test_every_route_has_a_face() -> None:
    """Those of other nodes, of programs and of machines; the rest are pages."""
    routes = ("/federation/heads", "/api/v1/facets", "/static/{name}", "/livez", "/cerca", "unknown")
    assert [face_of(route) for route in routes] == ["federation", "api", "file", "probe", "page", "unknown"]
    assert set(map(face_of, routes)) == set(meters.FACES)
