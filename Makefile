# Needs Python 3.11 or newer and make; everything else is installed into .venv.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= $(shell bash scripts/find_python.sh)
VENV := .venv
BENCH := .venv-bench
BIN := $(VENV)/bin
OUT ?= out
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

INSTALL = $(BIN)/python -m pip install --quiet -c constraints.txt
NEEDS := pyproject.toml constraints.txt

.PHONY: help dossier test check docs bench bench-quick lint format scenarios clean

help: ## say what can be made
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

dossier: $(VENV)/.run ## write the report: one HTML file and its results bundle
	$(BIN)/ketasim dossier --out $(OUT)/dossier

test: $(VENV)/.test ## run the tests that every change must pass (up to 15 min)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not scenario and not sweep and not browser" \
		--cov --cov-report=term:skip-covered --cov-fail-under=90

check: lint docs scenarios ## whole journeys, documentation, long sweeps (up to 60 min)

scenarios: $(VENV)/.test
	bash scripts/ensure_chromium.sh
	$(BIN)/python -m pytest -m "scenario or sweep or browser"

docs: $(VENV)/.docs ## build the documentation; a warning is an error
	$(BIN)/python -m sphinx -W --keep-going -b html docs $(OUT)/docs

bench: $(BENCH)/.made ## time the solver against its peers at equal error; hours, on a quiet machine
	$(BENCH)/bin/python -m benchmarks.solver --out $(OUT)/benchmarks/solver.json
	$(BENCH)/bin/python -m benchmarks.million --out $(OUT)/benchmarks/million.json

bench-quick: $(BENCH)/.made ## the same with two peers and three models, in minutes
	$(BENCH)/bin/python -m benchmarks.solver --quick --out $(OUT)/benchmarks/quick.json

lint: $(VENV)/.dev ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## put the source into the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove what was installed and made
	rm -rf $(VENV) $(BENCH) $(OUT)

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer with venv was found: install one, or name it with 'make PYTHON=...'." >&2; exit 2; }
	"$(PYTHON)" -m venv --clear $(VENV)
	touch $@

$(BENCH)/.made: $(NEEDS) benchmarks/requirements-peers.txt scripts/bench_environment.sh
	bash scripts/bench_environment.sh "$(PYTHON)" $(BENCH)
	touch $@

$(VENV)/.run: $(VENV)/.made $(NEEDS)
	$(INSTALL) -e .
	touch $@

$(VENV)/.test: $(VENV)/.made $(NEEDS)
	$(INSTALL) -e ".[test]"
	touch $@ $(VENV)/.run

$(VENV)/.docs: $(VENV)/.made $(NEEDS)
	$(INSTALL) -e ".[docs]"
	touch $@ $(VENV)/.run

$(VENV)/.dev: $(VENV)/.made $(NEEDS)
	$(INSTALL) -e ".[dev]"
	touch $@ $(VENV)/.run $(VENV)/.test $(VENV)/.docs
