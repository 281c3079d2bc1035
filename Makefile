# The developer's commands. A machine needs python3 (3.10 or newer), git, ssh and make; the rest goes into .venv.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
WORKERS := auto
PYTEST = $(PY) -m pytest -n $(WORKERS) --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help demo test test-all nightly bench lint format coverage clean

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | awk -F '\t' '{ printf "  make %-10s %s\n", $$1, $$2 }'

demo: $(VENV)/.installed ## show a day with vendorws, without any network
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" sample_project/demo.sh .demo

# Half of the time a test waits, for a server or a deadline.
test: WORKERS = $$($(PY) -c 'import os; print(2 * (os.cpu_count() or 1))')
test: $(VENV)/.installed-test ## run the tests, but for the slow ones and those that need Docker
	$(PYTEST) -m "not slow and not docker" $(ARGS)

test-all: $(VENV)/.installed-test ## run every test; without a Docker engine some skip and say so
	$(PYTEST) $(ARGS)

nightly: $(VENV)/.installed-test ## tell 5,000 new random stories of sync and undo; some hours
	HYPOTHESIS_PROFILE=nightly $(PYTEST) tests/test_never_lose_work.py -k many $(ARGS)

bench: $(VENV)/.installed-bench ## race plain git and the other tools; ARGS=--quick takes two minutes; needs openssh-server
	$(PY) -m benchmarks $(ARGS)

lint: $(VENV)/.installed-lint ## ruff and mypy, as CI runs them
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(PY) -m mypy

format: $(VENV)/.installed-lint ## let ruff mend what it can
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

coverage: $(VENV)/.installed-test ## branch coverage: 95 % of everything, all of the decisions
	$(PYTEST) -m "not docker" --cov --cov-report= $(ARGS)
	$(PY) -m coverage report --fail-under=95
	$(PY) -m coverage report --include="vendorws/checkouts/plan.py,vendorws/requirement_files/pins.py" --fail-under=100

clean: ## remove the virtual environment and everything that was made
	rm -rf $(VENV) .demo .bench .coverage .coverage.* htmlcov .mypy_cache .ruff_cache .pytest_cache .hypothesis

# --- the virtual environment; a stamp says what is in it, so that the second run starts at once ---------------------

$(VENV)/.python:
	@if ! $(PY) -m pip --version >/dev/null 2>&1; then \
	    $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	        echo "vendorws takes Python 3.10 or newer and '$(PYTHON)' is none. Type for example: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 4; }; \
	    $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	        echo "'$(PYTHON)' cannot make virtual environments here. On Debian and Ubuntu type: sudo apt install python3-venv" >&2; exit 4; }; \
	    echo "==> making $(VENV) with $$($(PYTHON) --version)"; \
	    $(PYTHON) -m venv $(VENV); \
	fi
	@touch $@

$(VENV)/.installed: EXTRA :=
$(VENV)/.installed-test: EXTRA := [test]
$(VENV)/.installed-lint: EXTRA := [lint]
$(VENV)/.installed-bench: EXTRA := [bench]
$(VENV)/.installed $(VENV)/.installed-test $(VENV)/.installed-lint $(VENV)/.installed-bench: $(VENV)/.python pyproject.toml
	@echo "==> installing vendorws$(EXTRA) into $(VENV)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable ".$(EXTRA)"
	@touch $@
