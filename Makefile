# Every target sets up what it needs in .venv, says what it does and resumes cheaply.
# None needs root; Debian packages are asked for by name.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
PYTHON ?=
ARGS ?=
BIN := .venv/bin
# Tests on several processes at once, handed out one by one; ARGS="-n 0" runs them in one.
SPREAD := -n auto --maxschedchunk 1
CPYTHON := gateway/cobenefit_gateway backend/cobenefit_backend boards/cobenefit_boards \
           hil-tests/cobenefit_hil cli/cobenefit_cli
.PHONY: help setup demo serve test test-mp check hil hil-mutants bench soak validation statements docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

$(BIN)/python:
	@for p in $(PYTHON) python3.11 python3; do \
	  if "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi; \
	  p=; done; \
	if [ -z "$${p:-}" ]; then \
	  echo "No Python 3.11 or later found. Debian 12: apt-get install python3 python3-venv." \
	    "Elsewhere: make PYTHON=/path/to/python3.11" >&2; exit 1; fi; \
	echo "Making .venv with $$p"; "$$p" -m venv .venv || { rm -rf .venv; \
	  echo "venv failed. Debian: apt-get install python3-venv" >&2; exit 1; }

.venv/.run: pyproject.toml | $(BIN)/python
	@echo "Installing what the product runs with (once per change of pyproject.toml)"
	@$(BIN)/pip install --quiet --disable-pip-version-check -e ".[gateway,backend,boards,hil]"
	@touch $@

.venv/.dev: pyproject.toml .venv/.run
	@echo "Installing what the checks need (once per change of pyproject.toml)"
	@$(BIN)/pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@

.venv/.npm: firmware/tests/wasm/package-lock.json .venv/.run
	@if command -v npm >/dev/null; then \
	  echo "Fetching MicroPython with words of 32 bits into .venv/npm"; \
	  mkdir -p .venv/npm && cp firmware/tests/wasm/package*.json .venv/npm && \
	  npm ci --silent --ignore-scripts --no-audit --no-fund --prefix .venv/npm && touch $@; \
	else echo "npm is missing, a test will skip (or fail when CI is set): apt-get install npm"; fi

typings/.done: pyproject.toml .venv/.dev
	@echo "Fetching MicroPython's type stubs into typings/"
	@for board in esp32 rp2; do \
	  $(BIN)/pip install --quiet --disable-pip-version-check --upgrade --no-deps --target \
	    typings/$$board micropython-$$board-stubs micropython-stdlib-stubs; done
	@touch $@

setup: .venv/.dev .venv/.npm ## make .venv with everything the product and its checks need
	@echo "Ready: .venv. Next: make demo, make test"

demo: .venv/.run ## replay recorded data through every part into demo/report.html (ARGS=--help)
	@$(BIN)/cobenefit demo $(ARGS)

serve: .venv/.run ## the demo, then keep its pages up
	@$(BIN)/cobenefit demo --serve $(ARGS)

test: .venv/.dev .venv/.npm ## every test, on CPython and MicroPython (ARGS="-k name")
	@for p in mosquitto chromium; do command -v $$p /usr/sbin/$$p >/dev/null || \
	  echo "$$p is missing, its tests will skip (or fail when CI is set): apt-get install $$p"; done
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || \
	  echo "postgresql is missing, its tests will skip (or fail when CI is set)"
	@PATH="$$PWD/$(BIN):$$PATH:/usr/sbin" $(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder --timeout 300 $(ARGS)

test-mp: .venv/.run ## the tests of wire and node alone, under MicroPython
	@"$${COBENEFIT_MICROPYTHON:-$(BIN)/micropython}" firmware/tests/run.py firmware/tests/both/test_*.py

hil: .venv/.dev ## the hardware suite, on the virtual board (ARGS="--board … --rig …")
	@PATH="$$PWD/$(BIN):$$PATH:/usr/sbin" $(BIN)/pytest hil-tests/suite --timeout 300 $(SPREAD) $(ARGS)

hil-mutants: .venv/.dev ## seed faults into the firmware: the hardware suite must see each (ARGS="name")
	@PATH="$$PWD/$(BIN):$$PATH:/usr/sbin" $(BIN)/python -m cobenefit_hil.mutants $(ARGS)

check: .venv/.dev typings/.done ## format, lint, types, layers, docstrings, spelling, docs, factors
	@echo "ruff";      $(BIN)/ruff check . && $(BIN)/ruff format --check .
	@echo "mypy";      $(BIN)/mypy
	@echo "mypy, firmware against MicroPython's stubs"; cd firmware && for board in esp32 rp2; do \
	  echo "$$board"; TYPINGS="$$PWD/../typings/$$board" ../$(BIN)/mypy --config-file mypy.ini \
	    --cache-dir "../.mypy_cache/$$board"; done
	@echo "layers";    $(BIN)/lint-imports
	@echo "numpydoc";  find $(CPYTHON) -name '*.py' | sort | xargs $(BIN)/numpydoc lint
	@echo "spelling";  $(BIN)/codespell
	@echo "docs, docstrings, factors"; $(BIN)/pytest -q docs/tests backend/tests/factors

bench: .venv/.dev ## measure, and write bench/latest.json (COBENEFIT_EEMETER: Python of a peer)
	@PATH="$$PWD/$(BIN):$$PATH:/usr/sbin" $(BIN)/python bench/run.py $(ARGS)

soak: .venv/.dev ## the gateway under load for an hour, beside a ledger (ARGS="--minutes 60 …")
	@PATH="$$PWD/$(BIN):$$PATH:/usr/sbin" $(BIN)/python gateway/benchmarks/soak $(ARGS)

validation: .venv/.dev ## judge the estimates on simulated homes; write docs/explanation/validation.md
	@$(BIN)/python backend/validation/make.py

statements: .venv/.dev ## open the demo's pages in Chromium; write accessibility, eco-design, pictures
	@PATH="$$PWD/$(BIN):$$PATH:/usr/sbin" $(BIN)/python backend/statements/make.py $(ARGS)

docs: .venv/.dev ## check that docs/ and the code say the same
	@$(BIN)/pytest -q docs/tests $(ARGS)
	@echo "Start reading at docs/README.md"

clean: ## remove what these targets made
	rm -rf .venv .venv-bench typings demo bench/latest.json dist .pytest_cache .mypy_cache .ruff_cache \
	  .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
