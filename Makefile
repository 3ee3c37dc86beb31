# make demo: a whole room on simulated devices.   make test: everything CI runs.   make help: the rest.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=

.PHONY: help demo test packages check lint unit bench clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(BIN)/.test: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@

check: $(BIN)/.test ## formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

unit: $(BIN)/.test ## the quick tests
	$(BIN)/python -m pytest tests/unit $(ARGS)

test: packages check ## everything CI runs
	$(BIN)/python tests/interop/livekit_build.py
	$(BIN)/python -m pytest $(ARGS)

packages:
	tests/install_debian_packages.sh

clean: ## remove what make made
	rm -rf $(VENV) .cache demo-out build
