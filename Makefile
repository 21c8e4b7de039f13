# Two commands on a fresh machine: `make demo` and `make test`. Both install what they need into .venv first.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: help install demo test prove lint bench clean

help:
	@echo "make demo     four administrations on this machine find each other's networks (Ctrl-C ends it)"
	@echo "make test     everything a change must pass (style, types, tests on a real PostgreSQL)"
	@echo "make install  only .venv with the locked packages; the command is then .venv/bin/rete"
	@echo "make prove    the heavier proofs and measurements (bench/); make clean: remove .venv and caches"

install: .venv/.installed

.venv/.installed: requirements.lock pyproject.toml deploy/bootstrap.py
	$(PYTHON) deploy/bootstrap.py .venv requirements.lock
	@touch $@

.venv/.installed-dev: .venv/.installed requirements.dev.lock
	$(PYTHON) deploy/bootstrap.py .venv requirements.dev.lock
	@touch $@

demo: .venv/.installed
	$(BIN)/rete demo $(ARGS)

lint: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest -n 2 --cov --cov-report=term --cov-fail-under=95 $(ARGS)

# Each proof is bounded and stops by itself.
prove: .venv/.installed-dev
	$(BIN)/python bench/pull_vs_copy.py
	$(BIN)/python bench/sync_vs_logical_replication.py
	$(BIN)/python bench/sync_cost.py
	$(BIN)/python bench/text_gate.py
	$(BIN)/python bench/text_attack.py
	$(BIN)/python bench/federation_sim.py
	RETE_KILLS=500 $(BIN)/python -m pytest -q -k killed tests/flows/test_crash.py
	$(BIN)/python bench/million.py

bench: prove

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
