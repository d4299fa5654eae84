# Everything a fresh machine needs is Python 3.11 or newer and make; each target sets up .venv by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
NODE := node_modules/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SIZE ?= 1000
PORT ?= 4200
# Six at once on two cores: some wait for a schedule, others for a server, a browser or a disk.
PYTEST := -n 6 --dist loadfile --no-loadscope-reorder
# Where `make serve` works: here, or in the demo once there is one.
HOME_OF_SERVE := $(if $(wildcard .env),.,$(if $(wildcard demo-company/.env),demo-company,.))
export DO_NOT_TRACK := 1
# What a process has compiled the next one reads, as wherever people run Python.
unexport PYTHONDONTWRITEBYTECODE
export PREFECT_SERVER_ANALYTICS_ENABLED := false

.DEFAULT_GOAL := help
.PHONY: help install demo test gate check fmt serve bench pictures lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  \033[1m%-9s\033[0m %s\n", $$1, $$2}'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "retention needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

# --no-build-isolation: the build backend comes from the lock too, with its hashes.
$(RUNTIME): requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing what retention runs on (once, a minute or so) ..."
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): requirements-dev.lock $(RUNTIME)
	@echo "Installing what the tests need (once) ..."
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

# Checkers of HTML; the tests that need them say so when there is no npm.
$(NODE): package-lock.json
	@if command -v npm >/dev/null; then npm ci --silent --no-audit --no-fund; else echo "npm is not installed: some tests of messages will be skipped"; mkdir -p node_modules; fi
	@touch $@

install: $(RUNTIME) ## Install into .venv, with hashes from requirements.lock

demo: $(RUNTIME) ## Play a simulated company from its data to delivered messages
	@$(BIN)/retention demo --size $(SIZE)

check: $(DEV) ## Lint and type-check
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

test: check $(NODE) ## What to run every day: lint, types, every test once
	@$(BIN)/python -m pytest $(PYTEST)

gate: check $(NODE) ## Everything: every sweep in full, on both databases
	@$(BIN)/python -m pytest $(PYTEST) --gate

fmt: $(DEV) ## Format the code and mend what the linter can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

serve: $(RUNTIME) ## Prefect server, worker and console on this machine
	@cd $(HOME_OF_SERVE) && $(abspath $(BIN))/retention serve --port $(PORT)

bench: $(DEV) ## Measure speed against named bounds; writes docs/benchmarks.md
	@$(BIN)/python -m benchmarks

pictures: $(DEV) ## Take the manual's pictures of the console, from demo-company
	@$(BIN)/python -m tests.browser.pictures demo-company

lock: $(DEV) ## Resolve both lock files anew
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --upgrade --extra postgres --extra mysql --extra charts --extra models --extra dask --extra demo --extra build pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --upgrade --all-extras -c requirements.lock pyproject.toml -o requirements-dev.lock

clean: ## Remove .venv and the demo's state
	@rm -rf $(VENV) node_modules var demo-company
