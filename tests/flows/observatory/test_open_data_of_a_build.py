"""A real build as open data: every table in every form, and a catalogue that breaks no rule."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import random
from pathlib import Path

import pyshacl
import pytest
import rdflib

from node import config as configuration
from node.domain.observatory.catalogue import INDICATORS
from node.flows.observatory import files, read
from node.flows.observatory.build import build
from node.store.postgres import Pool
from tests import observatory_data_made as made
from tests.domain.observatory.test_files import assert_is_json_stat
from tests.editions_made import edition, store
from tests.networks_made import NOW

CONFIG = configuration.parse((Path(__file__).parents[3] / "nodes.example.toml").read_text("utf-8"), file="x")
SHAPES = Path(__file__).resolve().parents[2] / "data" / "dcat-ap-it.shapes.ttl"


@pytest.mark.filterwarnings("ignore:(Dataset|ConjunctiveGraph).*deprecated:DeprecationWarning")
async def test_every_table_of_a_real_build_is_open_data(pool: Pool) -> None:
    """Two editions and no profile: all tables, each indicator known, each form by its rules."""
    draw, before = random.Random(3), ()
    async with pool.acquire() as conn:
        for number, day in enumerate((dt.date(2013, 12, 31), dt.date(2014, 12, 31))):
            before = edition(draw, before)
            await store(conn, before, day, f"d{number}")
    await build(pool, CONFIG, NOW)
    shown = await read.figures(pool)
    told = await files.wording(pool)
    every = {found.name: found.body for found in files.every(shown, told, made.PUBLISHER)}
    assert len(shown.figures.tables) > 10
    for table in shown.figures.tables:
        assert table.indicator in INDICATORS
        rows = list(csv.DictReader(io.StringIO(every[f"{table.ident}.csv"].decode(), newline="")))
        assert len(rows) == len(table.cells)
        if table.cells:
            assert_is_json_stat(json.loads(every[f"{table.ident}.json"]))
    data = rdflib.Graph().parse(data=every["catalogo.ttl"], format="turtle")
    _, report, text = pyshacl.validate(data, shacl_graph=str(SHAPES), inference="none")
    sh = rdflib.Namespace("http://www.w3.org/ns/shacl#")
    assert (None, sh.resultSeverity, sh.Violation) not in report, text
