# The menu. Everything sets up .venv by itself; Python 3.11 or newer, git and make are enough.

# The first of these that is new enough is taken; `make PYTHON=python3.12 …` chooses.
PYTHON ?= python3 python3.13 python3.12 python3.11
python = $(firstword $(foreach p,$(PYTHON),$(shell $(p) -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(p))))
bin := .venv/bin
# The sample is old-style on purpose: its plan is to mend that.
code = $(wildcard src tests tools examples/demo.py examples/codemods)
pip := $(bin)/python -m pip install --quiet --disable-pip-version-check
compile := $(bin)/uv pip compile pyproject.toml --no-config --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-annotate --custom-compile-command 'make lock'

.DEFAULT_GOAL := help
.PHONY: help run test check fast lint types contracts unit format lock clean

help: ## Show this menu
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

run: .venv/.installed-run ## Run the example plan, start to end
	$(bin)/python examples/demo.py

test: check ## Run everything CI runs

check: lint types contracts ## Run lint, types, contracts and all tests
	$(bin)/python -m pytest -n 2 --cov --cov-report=
	$(bin)/coverage report --include='src/banksman/core/*' --fail-under=100

fast: lint types contracts unit ## Run what takes under 90 seconds

lint: .venv/.installed ## Check format and style
	$(bin)/ruff format --check . && $(bin)/ruff check . && $(bin)/towncrier build --draft --version next > /dev/null

types: .venv/.installed ## Check types, with two checkers
	$(bin)/mypy $(code)
	$(bin)/basedpyright $(code)

contracts: .venv/.installed ## Check the direction of imports
	$(bin)/lint-imports

unit: .venv/.installed ## Run the unit tests, the doctests and the tidy test
	$(bin)/python -m pytest -n 2 $(wildcard tests/unit) tests/tidy src

format: .venv/.installed ## Format the code and repair what can be repaired
	$(bin)/ruff format . && $(bin)/ruff check --fix .

lock: .venv/.installed ## Pin the newest dependencies that fit, with hashes
	$(compile) --upgrade --group build --group demo --output-file requirements.lock
	$(compile) --upgrade --extra testing --group dev --constraints requirements.lock --output-file requirements-dev.lock

clean: ## Remove what make has made
	rm -rf .venv build dist .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests tools -name __pycache__ -prune -exec rm -rf {} +

# Two steps, so that `make run` fetches a tenth of what the tests need (10 s, not 25).
.venv/.installed-run: requirements.lock pyproject.toml
	$(if $(python),,$(error Banksman needs Python 3.11 or newer with venv, and none of these is: $(PYTHON). Name one with PYTHON=...))
	$(python) -m venv .venv
	$(pip) --require-hashes -r requirements.lock && $(pip) --no-deps --no-build-isolation -e . && touch $@

.venv/.installed: requirements-dev.lock .venv/.installed-run
	$(pip) --require-hashes -r requirements-dev.lock && touch $@
