# `make demo` and `make test` are all the set-up there is: both make .venv and install the locked requirements first.
# Needs Python 3.11 or newer and make. `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
unexport PYTHONDONTWRITEBYTECODE # each of the many processes of the tests would compile everything anew
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help demo test test-system test-bluez test-fleet fault-matrix mutation bench screenshots lint format docs lock wheel release clean
.DEFAULT_GOAL := help

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.demo ## install, and run one whole session on virtual devices
	$(BIN)/letdown demo

test: $(VENV)/.dev ## the tests that need nothing but Python; two minutes
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder tests -m "not system and not matrix and not bluez and not fleet" $(NO_UNIT)
NO_UNIT := --ignore=tests/system --ignore=tests/bluez --ignore=tests/matrix/test_every_cell.py # reading them takes each process seconds

test-system: $(VENV)/.dev ## the tests that take long or need system programs, which it installs (Debian, Ubuntu)
	tests/system/install
	$(BIN)/python -m pytest -q -n 2 --dist loadfile tests -m system

test-bluez: $(VENV)/.dev ## the tests on the real Linux Bluetooth, in a virtual machine; installs what is missing (Debian)
	tests/bluez/boot $(BIN)/python -v

test-fleet: $(VENV)/.dev ## a fleet through 200 random faults, in a network of its own; needs root (Debian)
	tests/fleet/install
	$(BIN)/python -m pytest -q -s tests -m fleet --ignore=tests/bluez --ignore=tests/matrix/test_every_cell.py

fault-matrix: $(VENV)/.dev ## every fault in every step of a session, on virtual devices; renews docs/fault-matrix.md
	$(BIN)/python -m tests.matrix

mutation: $(VENV)/.dev ## change every limit a little, and see that a test notices; some minutes
	$(BIN)/python -m tests.mutation

bench: $(VENV)/.dev ## measure against a bare bleak + aiomqtt loop in the same run
	$(BIN)/python -m tests.bench

lint: $(VENV)/.dev ## ruff, mypy --strict, and the arrows between the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## let ruff put things in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev ## renew the pages of devices, safety case, topics and what confirms them, and the picture
	$(BIN)/python -m docs.devices_page
	$(BIN)/python -m docs.safety_case_page
	$(BIN)/python -m tests.truth
	$(BIN)/python -m docs.topics_page
	$(BIN)/python -m docs.dashboard_page
	$(BIN)/python -m docs.grafana_dashboard
	$(BIN)/python docs/picture.py

screenshots: $(VENV)/.dev ## pictures of every screen of the page, into dist/screenshots: look at them
	tests/system/install
	$(BIN)/python -m tests.system.screenshots --docs dist/screenshots

lock: $(VENV)/.dev ## renew the locked requirements
	$(BIN)/uv pip compile $(LOCK) --extra demo --group build -o requirements/demo.txt pyproject.toml
	$(BIN)/uv pip compile $(LOCK) --extra demo --extra proxies --extra web --extra postgres --extra baby-buddy --extra fleet --group build --group dev -o requirements/dev.txt pyproject.toml
LOCK := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header

wheel: $(VENV)/.dev ## build the wheel and the source archive into dist/
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 1580601600) $(BIN)/python -m build --no-isolation --outdir dist .

release: $(VENV)/.dev ## build and check a release into dist/, and print what remains to be done by hand
	$(BIN)/python -m release

clean: ## remove what was made
	rm -rf $(VENV) dist build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Letdown needs Python 3.11 or newer; say which: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python requirements/demo.txt pyproject.toml
	$(PIP) install --require-hashes -r requirements/demo.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python requirements/dev.txt pyproject.toml
	$(PIP) install --require-hashes -r requirements/dev.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.demo
