# What people and machines run from a checkout. `make run` needs nothing but Python 3.11 or newer.
.PHONY: help run test test-fast lint format messages screenshots bench ml lock clean
.DEFAULT_GOAL := help

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
VENV := .venv
BIN := $(VENV)/bin
# Bytecode is compiled while installing, so that even the first start does not wait for it.
SYNC := $(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url
# More arguments for the command that the target runs: make test ARGS="-x -k inbox", make run ARGS="--help".
ARGS ?=

help:
	@echo "make run        start Folkmoot with a demo neighbourhood at http://127.0.0.1:8000"
	@echo "make test       lint and every test, with what they need (browser, Node packages, detoxify)"
	@echo "make test-fast  the tests without browsers, peers, attacks and fault injection"
	@echo "make lint       style, types and the floors of the house"
	@echo "make format     put the style right"
	@echo "make messages   bring the catalogues of translations up to date with the texts"
	@echo "make screenshots  take the pictures in docs/screenshots anew"
	@echo "make bench      one table of what things cost"
	@echo "make ml         install detoxify for the scorer process"
	@echo "make lock       choose the newest allowed version of every package"
	@echo "make clean      remove what was installed and built, never your data"

run: $(VENV)/run.stamp
	@exec $(BIN)/folkmoot run $(ARGS)

test: lint
	@PYTHON="$(PYTHON)" tests/run.sh $(ARGS)

test-fast: $(VENV)/test.stamp
	@$(BIN)/pytest -n auto --dist worksteal -m "not (browser or peer or faults or hostile or ml or slow)" $(ARGS)

lint: $(VENV)/test.stamp
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/test.stamp
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

messages: $(VENV)/test.stamp
	@$(BIN)/python -m tests.web.messages

screenshots: $(VENV)/test.stamp
	@$(BIN)/python -m tests.browser.screenshots

bench: $(VENV)/test.stamp
	@$(BIN)/python -m tests.bench $(ARGS)

ml: $(VENV)/uv.stamp
	@PYTHON="$(PYTHON)" moderation/ml/install.sh

# One virtual environment for running and testing: `make run` after `make test` must not take the test tools away.
$(VENV)/run.stamp: requirements.lock $(VENV)/uv.stamp
	@echo "Installing the packages of $<"
	@if test -e $(VENV)/test.stamp; then $(SYNC) requirements-test.lock; else $(SYNC) requirements.lock; fi
	@touch $@

$(VENV)/test.stamp: requirements-test.lock $(VENV)/uv.stamp
	@echo "Installing the packages of $<"
	@$(SYNC) requirements-test.lock
	@touch $(VENV)/run.stamp $@

# The checkout itself is not installed: a path file makes its folders importable, and the command is two lines of shell.
# `-P` keeps a folder named `server` in the current directory from being taken for ours.
$(VENV)/uv.stamp: requirements-uv.lock
	@test -n "$(PYTHON)" || { echo "Folkmoot needs Python 3.11 or newer; none was found." >&2; exit 1; }
	@echo "Making $(VENV) with $(PYTHON)"
	@"$(PYTHON)" -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@$(BIN)/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "folkmoot.pth").write_text("../../../..\n")'
	@printf '#!/bin/sh\nexec "$$(dirname "$$(readlink -f "$$0")")/python" -P -m server "$$@"\n' > $(BIN)/folkmoot
	@chmod +x $(BIN)/folkmoot
	@touch $@

lock: $(VENV)/uv.stamp
	$(COMPILE) --upgrade requirements-uv.in -o requirements-uv.lock
	$(COMPILE) --upgrade pyproject.toml -o requirements.lock
	$(COMPILE) --upgrade pyproject.toml --group test -c requirements.lock -o requirements-test.lock
	cd tests/node && npm install --package-lock-only --omit-lockfile-registry-resolved
	cd tests/fedify_peer && npm install --package-lock-only --omit-lockfile-registry-resolved

clean:
	rm -rf $(VENV) .venv-ml tests/node/node_modules tests/fedify_peer/node_modules
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build folkmoot.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
