# Everything a person runs, one line each. `make demo` and `make test` set up what they need in .venv.
PYTHON ?= $(shell for each in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$each" && break; done)
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo test dev lint format bench chaos lock clean

help:        ## what there is to run
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile

# Dagster puts its history on the disk at each of its events: tests keep theirs in memory, where 6 GB of it are free.
IN_MEMORY := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 6000000 { print "TMPDIR=/dev/shm" }')

demo: .venv/.ready       ## set up, load 60 days of two made-up organizations, show the result
	@$(BIN)/python -m copilot_etl demo

test: .venv/.ready-dev .venv/older/.ready lint   ## set up, lint, check types, run the tests
	@$(IN_MEMORY) $(BIN)/python -m pytest --numprocesses 2 --dist loadgroup

dev: .venv/.ready        ## Dagster's web server and daemon on http://127.0.0.1:3000
	@$(BIN)/python -m copilot_etl ui

lint: .venv/.ready-dev   ## linters and type checker
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy
	@$(BIN)/python -m sqlfluff lint --disable-progress-bar sql/core sql/marts sql/checks

format: .venv/.ready-dev ## put the code into the house's shape
	@$(BIN)/python -m ruff check --fix . && $(BIN)/python -m ruff format .

bench: .venv/.ready-dev  ## time it beside DuckDB, polars, pandas, dlt and curl (ARGS=--full: at all sizes)
	@$(BIN)/python -m copilot_etl_tests.bench $(ARGS)

chaos: .venv/.ready-dev  ## kills, full disks, malformed files and faulty days at full size (ARGS=--help for less)
	@$(BIN)/python -m copilot_etl_tests.chaos $(ARGS)

# Versions stay as they are unless pyproject.toml rules them out; UPGRADE=--upgrade takes the newest.
LOCK := $(BIN)/python -m uv --quiet pip compile --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command 'make lock' $(UPGRADE)

lock: .venv/.ready-dev   ## write the lock files anew after a change of pyproject.toml (UPGRADE=--upgrade: all versions)
	@echo hatchling | $(LOCK) pyproject.toml - --output-file constraints.txt
	@$(LOCK) pyproject.toml --extra dev --constraint constraints.txt --output-file constraints-dev.txt
	@echo duckdb==1.5.6 | $(LOCK) - --output-file constraints-older.txt

clean:       ## remove the virtual environment; data/ stays
	@rm -rf .venv

# Every file that is installed has a hash in a lock; the project itself is built with the locked build backend.
# A lock is complete, so nothing is resolved again: pip before 23.3 takes `gql[requests]` for another, unpinned package.
INSTALL := -m pip --disable-pip-version-check install --quiet --no-deps
LOCKED := $(INSTALL) --require-hashes --requirement

.venv/.ready: pyproject.toml constraints.txt
	@$(MAKE) --no-print-directory .venv/bin/python
	@echo "Installing into .venv (a minute the first time) ..."
	@$(BIN)/python $(LOCKED) constraints.txt
	@$(BIN)/python $(INSTALL) --no-build-isolation --editable .
	@$(BIN)/python -m pip --disable-pip-version-check check
	@touch $@

.venv/.ready-dev: .venv/.ready constraints-dev.txt
	@echo "Installing what the tests need into .venv ..."
	@$(BIN)/python $(LOCKED) constraints-dev.txt
	@touch $@

# The published file is for older tools too, so a test opens it with the oldest DuckDB that is supported.
.venv/older/.ready: .venv/.ready-dev constraints-older.txt
	@$(BIN)/python -m venv .venv/older
	@.venv/older/bin/python $(LOCKED) constraints-older.txt
	@touch $@

.venv/bin/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "copilot_etl needs Python 3.11 or newer; python3 here is $$(python3 --version 2>/dev/null || echo missing)." >&2; \
		echo "Install one, or name it: make demo PYTHON=/path/to/python3.11" >&2; exit 1; fi
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is $$("$(PYTHON)" --version 2>&1); copilot_etl needs Python 3.11 or newer." >&2; exit 1; }
	@"$(PYTHON)" -m venv .venv || { rm -rf .venv; \
		echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
