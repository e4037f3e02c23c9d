# The commands people and CI use. Everything is made inside this folder; nothing but Debian packages is installed.
PYTHON ?= python3
VENV := .venv/bin
PYTEST := $(VENV)/python -m pytest
# Where a machine's Python is told to keep no bytecode, every process would compile the product and rewrite the tests anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test test-machine unit integration integration-together integration-kills e2e check bench chaos build lock clean

help:
	@echo "make demo    set up everything, start a box with sample tenants and a pretend WhatsApp (RESET=1: anew)"
	@echo "make test    set up everything, run every test        make check   format, lint, types, imports"
	@echo "make bench   measure (PEER=folder, QUICK=1)            make chaos   kill it at random, for long"
	@echo "make setup   only the environment and the front end    make lock    renew requirements/*.lock"

setup:
	@$(PYTHON) packaging/prepare.py setup

demo: setup
	@exec $(VENV)/hunfly-box demo $(if $(RESET),--reset)

test-machine:
	@$(PYTHON) packaging/prepare.py test-machine

test: test-machine unit integration e2e

unit integration e2e: setup

unit:
	$(PYTEST) tests/unit -n auto $(PYTEST_ARGS) $(if $(RESULTS),--junitxml=$(RESULTS).xml)

# Module by module side by side, each with servers of its own; those that kill processes and count seconds have the machine to themselves.
integration: integration-together integration-kills

integration-together: setup
	$(PYTEST) tests/integration -m 'not chaos' -n 3 --dist loadfile $(PYTEST_ARGS) $(if $(RESULTS),--junitxml=$(RESULTS).xml)

integration-kills: setup
	$(PYTEST) tests/integration -m chaos $(PYTEST_ARGS) $(if $(RESULTS),--junitxml=$(RESULTS)-kills.xml)

e2e:
	$(PYTEST) tests/e2e $(PYTEST_ARGS) $(if $(RESULTS),--junitxml=$(RESULTS).xml)

check: setup
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .
	$(VENV)/mypy
	$(VENV)/lint-imports
	$(VENV)/python -m hunfly_box.kit.catalogues check
	$(PYTHON) packaging/prepare.py npm run check

bench: setup
	$(VENV)/python -m tests.bench $(if $(PEER),--peer $(PEER)) $(if $(QUICK),--quick)

chaos: setup
	$(VENV)/python -m tests.chaos $(CHAOS_ARGS)

build:
	@echo "There is no single-file binary yet: run from the clone with 'make setup' and .venv/bin/hunfly-box serve." >&2
	@exit 1

lock: setup
	for name in app dev node; do \
	  $(VENV)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    --no-emit-index-url -o requirements/$$name.lock requirements/$$name.in || exit 1; \
	done

# The data folder is not touched.
clean:
	rm -rf .venv web/node_modules web/static/dist build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
