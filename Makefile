# `make demo` and `make test` are all the set-up there is: both make .venv and install the locked requirements first.
# Needs Python 3.11 or newer and make. `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
SITE := .venv-docs
BIN := $(VENV)/bin
unexport PYTHONDONTWRITEBYTECODE # each of the many processes of the tests would compile everything anew
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help demo test test-system test-bluez test-fleet test-package fault-matrix mutation bench screenshots lint format docs tour site links lock wheel release container addon deb clean
.DEFAULT_GOAL := help

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.demo ## install, and run one whole session on virtual devices
	$(BIN)/letdown demo

test: $(VENV)/.dev ## the tests that need nothing but Python; two minutes
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder tests -m "not system and not matrix and not bluez and not fleet and not package" $(NO_UNIT)
NO_UNIT := --ignore=tests/system --ignore=tests/bluez --ignore=tests/matrix/test_every_cell.py # reading them takes each process seconds

test-system: $(VENV)/.dev ## the tests that take long or need system programs, which it installs (Debian, Ubuntu)
	tests/system/install
	# --no-loadscope-reorder: the longest files are not last
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder tests -m "system or $(MADE_UP)" --hypothesis-profile=thorough
MADE_UP := hypothesis and not matrix and not bluez and not fleet and not package# the tests of made-up examples: with all

test-bluez: $(VENV)/.dev ## the tests on the real Linux Bluetooth, in a virtual machine; installs what is missing (Debian)
	tests/bluez/boot $(BIN)/python -v

test-fleet: $(VENV)/.dev ## a fleet through 200 random faults, and updated; in a network of its own; needs root (Debian)
	tests/fleet/install
	$(BIN)/python -m pytest -q -s tests/fleet -m fleet

test-package: $(VENV)/.dev ## the Debian package in a virtual machine: install, session, upgrade, reboot, removal (Debian)
	tests/package/run

fault-matrix: $(VENV)/.dev ## every fault in every step of a session, on virtual devices; renews docs/fault-matrix.md
	$(BIN)/python -m tests.matrix

mutation: $(VENV)/.dev ## change every limit a little, and see that a test notices; some minutes
	$(BIN)/python -m tests.mutation

bench: $(VENV)/.dev ## measure against a bare bleak + aiomqtt loop in the same run
	$(BIN)/python -m tests.bench

lint: $(VENV)/.dev ## ruff, mypy --strict, and which package may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## format the code and fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev ## renew the generated pages, and the schemas for editors
	$(BIN)/python -m docs.devices_page
	$(BIN)/python -m docs.safety_case_page
	$(BIN)/python -m tests.truth
	$(BIN)/python -m docs.topics_page
	$(BIN)/python -m docs.editor_schemas
	$(BIN)/python -m docs.settings_page
	$(BIN)/python -m docs.profile_keys_page
	$(BIN)/python -m docs.dashboard_page
	$(BIN)/python -m docs.grafana_dashboard

tour: $(VENV)/.dev ## draw docs/tour.svg, a tour of two minutes, from a session on virtual devices
	$(BIN)/python -m docs.tour

site: $(VENV)/.dev $(SITE)/.installed ## build the documentation as a web site into dist/site; it works offline
	NO_MKDOCS_2_WARNING=1 $(SITE)/bin/mkdocs build --strict
$(SITE)/.installed: $(VENV)/bin/python docs/requirements.txt
	$(VENV)/bin/python -m venv $(SITE)
	$(SITE)/bin/python -m pip --disable-pip-version-check --quiet install -r docs/requirements.txt
	@touch $@

links: $(VENV)/.dev ## list the links of the documentation that leave the project; no test follows those
	$(BIN)/python -m docs.links

screenshots: $(VENV)/.dev ## pictures of every screen of the page, into dist/screenshots: look at them
	tests/system/install
	$(BIN)/python -m tests.system.screenshots --docs dist/screenshots

lock: $(VENV)/.dev ## renew the locked requirements
	$(BIN)/uv pip compile $(LOCK) --extra demo --group build -o requirements/demo.txt pyproject.toml
	$(BIN)/uv pip compile $(LOCK) --extra demo --extra proxies --extra web --extra postgres --extra baby-buddy --extra fleet --group build --group dev -o requirements/dev.txt pyproject.toml
	$(BIN)/uv pip compile $(LOCK) --extra demo --extra proxies --extra web --extra postgres --extra baby-buddy --extra fleet --group build --constraint requirements/dev.txt -o requirements/container.txt pyproject.toml
	$(BIN)/uv pip compile $(LOCK) --extra demo --extra proxies --extra web --extra postgres --extra baby-buddy -o requirements/home.txt pyproject.toml
LOCK := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header

wheel: $(VENV)/.dev ## build the wheel and the source archive into dist/
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 1580601600) $(BIN)/python -m build --no-isolation --outdir dist .

release: $(VENV)/.dev ## build and check a release into dist/, and print what remains to be done by hand
	$(BIN)/python -m release

container: ## build the container image letdown, with docker or podman
	$$(command -v docker || command -v podman) build --file Containerfile --tag letdown \
		--build-arg BUILD_VERSION=$(VERSION) .
VERSION = $$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

addon: ## put together the add-on of Home Assistant, in dist/addon/letdown
	rm -rf dist/addon
	mkdir -p dist/addon/letdown/requirements dist/addon/letdown/config
	cp -R config/addon/. dist/addon/letdown
	cp -R .dockerignore LICENSE pyproject.toml controller devices dist/addon/letdown
	cp requirements/container.txt dist/addon/letdown/requirements
	cp -R $$(ls -d config/* | grep -v -e /addon -e /fleet) dist/addon/letdown/config
	sed '/^# The container by itself/,$$d' Containerfile > dist/addon/letdown/Dockerfile
	find dist/addon -name __pycache__ -prune -exec rm -r {} +

deb: $(VENV)/.dev ## build the Debian package for the Debian or Ubuntu that this is, into dist/
	release/debian/build

clean: ## remove what was made
	rm -rf $(VENV) $(SITE) dist build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

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
