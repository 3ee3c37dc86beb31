# make demo: a whole room on simulated devices.   make test: everything CI runs.   make help: the rest.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# make demo FOR=30 ends by itself after 30 seconds and says whether everything was really seen
FOR    ?=
# more words for pytest: make unit ARGS='-k layout'
ARGS   ?=
# make bench ONLY=idle_cpu_cores measures one row
ONLY   ?=

NATIVE := appliance/media/rtc/native

.PHONY: help demo test check unit interop native wheel debian bench lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 10

demo: $(BIN)/.demo native ## a whole room on simulated devices, with its own meeting server and broker (FOR=30 to end by itself)
	@$(BIN)/python -m appliance.demo.main $(if $(FOR),--for $(FOR))

test: debian check native ## formatting, lint, types and all tests: everything CI runs
	$(BIN)/python tests/interop/livekit_build.py
	$(BIN)/python -m pytest $(ARGS)

check: $(BIN)/.test ## formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

unit: $(BIN)/.test native ## the quick tests
	$(BIN)/python -m pytest tests/unit $(ARGS)

interop: debian $(BIN)/.test native ## the tests with real servers, browsers and brokers
	$(BIN)/python -m pytest tests/interop tests/scenario $(ARGS)

native: $(NATIVE)/librtp.so ## the native media engine, where there is a C compiler; else all goes on in Python

wheel: $(BIN)/python ## the native media engine as a wheel in dist/, for machines without a compiler
	@$(BIN)/python -m appliance.media.rtc.native.wheel dist

debian: ## the Debian packages the tests need (installs them when root, else says which)
	@tests/install_debian_packages.sh

bench: $(BIN)/.test ## speed and size, into benchmarks/results.json and docs/benchmarks.md (ONLY=name for one row)
	$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))

lock: $(BIN)/.test ## write down the exact versions that are installed now
	$(BIN)/pip freeze --exclude-editable > constraints.txt

clean: ## remove what make made
	rm -rf $(VENV) .cache demo-out build dist *.egg-info $(NATIVE)/librtp.so

$(NATIVE)/librtp.so: $(wildcard $(NATIVE)/*.[ch]) | $(BIN)/python
	@echo "building the native media engine"
	@$(BIN)/python -m appliance.media.rtc.native.build >/dev/null || echo "media packets are handled in Python then"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Salon needs Python 3.11 or newer"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Install python3-venv first: apt install python3-venv"; exit 1; }

$(BIN)/.%: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing what '$*' needs into $(VENV) (a minute or two, once)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[$*]'
	@touch $@
