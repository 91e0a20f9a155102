# `make demo` runs the main job on synthetic data (SIMULATE=1: and then lives through the decree up to its last
# erasure); `make test` proves the promises. `make soak` proves them at full count, in hours; `make bench` measures.
# All of them set up what they need.
SHELL := /bin/bash
PYTHON ?= python3
# Some machines forbid it. Hundreds of processes would each compile the package anew.
export PYTHONDONTWRITEBYTECODE :=
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
COMPILED := $(VENV)/.compiled
# Where everything is thrown away afterwards, keeping what was downloaded costs a fifth of the installing.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(if $(CI),--no-cache-dir)

.PHONY: demo test tests soak bench check install system docs site clean lock sbom audit

demo: install
	$(BIN)/rod demo $(if $(ONCE)$(SIMULATE),--once)
	$(if $(SIMULATE),$(BIN)/rod simulate --home .rod/simulation)

# Files whole, in the order of tests/longest.txt: the longest first. Two processes more than two cores have: much of what
# the longest do is waiting for sensors, queues and servers.
PYTEST := $(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder

# The checks beside the tests, and the packages beside each other: there are two cores.
test:
	@$(MAKE) --no-print-directory --jobs=2 check tests

tests: $(COMPILED) system
	$(PYTEST) $(PYTEST_ARGS)

# What one run can do without: every case of every matrix, many examples of every law, broken files by the hundred
# thousand, ten national years protected and attacked. docs/explanation/tests.md says what is where.
soak: check
	$(PYTEST) -m soak --timeout 7200 $(PYTEST_ARGS)
	$(PYTEST) tests/property --hypothesis-profile soak --timeout 21600 $(PYTEST_ARGS)
	$(BIN)/python -W ignore -m tests.performance.fuzz_readers --files 100000
	$(BIN)/python -W ignore -m tests.performance.disclosure --definitive --seeds 1 2 3 4 5 6 7 8 9 10
	$(BIN)/python -W ignore -m tests.performance.releases --seeds 1 2 3 4 5 6 7 8 9 10
	$(BIN)/python -W ignore -m tests.performance.soak_deliveries --deliveries 200

# All of them, or: make bench BENCH="intake marts"
bench: install
	$(BIN)/python -m tests.performance.bench $(BENCH)

check: install system
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

install: $(INSTALLED)

# The lock is complete, so nothing is resolved: older versions of pip can't resolve extras under --require-hashes.
# Bytecode is made of what is imported, when it is: compiling all of it takes as long as installing half of it.
# In two halves beside each other: what pip does with a package it does on one core.
$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "Python 3.11, 3.12 or 3.13 is needed; say which with: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	@awk '/^[^ #]/ {half = 1 - half} {print > ("$(VENV)/half" half + 0 ".lock")}' requirements.lock
	$(PIP) --no-compile --require-hashes -r $(VENV)/half0.lock & other=$$!; \
		$(PIP) --no-compile --require-hashes -r $(VENV)/half1.lock; ended=$$?; wait $$other && exit $$ended
	$(PIP) --no-build-isolation --editable .
	@touch $@

# Once, before four processes of pytest each do it beside the others. What is wrong with a test its run says.
$(COMPILED): $(INSTALLED)
	@$(BIN)/python -m pytest --collect-only --quiet > /dev/null 2>&1 || true
	@touch $@

# PostgreSQL and Chromium, for the tests that talk to a real database and a real browser.
system:
	@deployments/install-debian-packages.sh

# Write the reference pages from the code; the tests fail when a committed page differs.
docs: install
	$(BIN)/python -W ignore -m docs.generator

# The documentation with navigation and search, in site/. `python3 -m http.server -d site -b 127.0.0.1` shows it.
site: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

clean:
	rm -rf $(VENV) site .rod .pytest_cache .mypy_cache .ruff_cache

# Needs uv. Only for whoever changes a dependency.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--group dev pyproject.toml --output-file requirements.lock

# What the software is made of, as CycloneDX from the lock; the same lock gives the same bytes. Needs uv and a registry.
sbom:
	uvx --from cyclonedx-bom==7.5.0 cyclonedx-py requirements requirements.lock \
		--pyproject pyproject.toml --output-reproducible --output-format JSON --output-file sbom.cdx.json

# Is a vulnerability of a part known? Needs uv, a registry, and the service that knows (https://api.osv.dev). What can be
# checked without a network is in `make test` (tests/spec/test_supply_chain.py).
audit:
	uvx pip-audit==2.10.1 --disable-pip --require-hashes --vulnerability-service osv --requirement requirements.lock
