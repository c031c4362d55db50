# Everything a person runs, one line each. `make demo` and `make test` set up what they need in .venv.
PYTHON ?= $(shell for each in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$each" && break; done)
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo test dev lint format bench clean

help:        ## what there is to run
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile

demo: .venv/.ready       ## set up, load 60 days of two made-up organizations, show the result
	@$(BIN)/python -m copilot_etl demo

test: .venv/.ready-dev .venv/older/.ready lint   ## set up, lint, check types, run the tests
	@$(BIN)/python -m pytest

dev: .venv/.ready        ## Dagster's web server and daemon on http://127.0.0.1:3000
	@$(BIN)/python -m copilot_etl ui

lint: .venv/.ready-dev   ## linters and type checker
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy
	@$(BIN)/python -m sqlfluff lint --disable-progress-bar sql/core sql/marts sql/checks

format: .venv/.ready-dev ## put the code into the house's shape
	@$(BIN)/python -m ruff check --fix . && $(BIN)/python -m ruff format .

bench: .venv/.ready-dev  ## time it beside DuckDB, polars, pandas, dlt and curl (10 minutes; ARGS=--full: all)
	@$(BIN)/python -m copilot_etl_tests.bench $(ARGS)

clean:       ## remove the virtual environment; data/ stays
	@rm -rf .venv

.venv/.ready: pyproject.toml constraints.txt
	@$(MAKE) --no-print-directory .venv/bin/python
	@echo "Installing into .venv (a minute the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

.venv/.ready-dev: .venv/.ready
	@echo "Installing what the tests need into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

# The published file is for older tools too, so a test opens it with the oldest DuckDB that is supported.
.venv/older/.ready: .venv/.ready-dev
	@$(BIN)/python -m venv .venv/older
	@.venv/older/bin/python -m pip install --quiet --disable-pip-version-check duckdb==1.5.6
	@touch $@

.venv/bin/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "copilot_etl needs Python 3.11 or newer; python3 here is $$(python3 --version 2>/dev/null || echo missing)." >&2; \
		echo "Install one, or name it: make demo PYTHON=/path/to/python3.11" >&2; exit 1; fi
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is $$("$(PYTHON)" --version 2>&1); copilot_etl needs Python 3.11 or newer." >&2; exit 1; }
	@"$(PYTHON)" -m venv .venv || { rm -rf .venv; \
		echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
