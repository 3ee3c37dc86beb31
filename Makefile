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
# make install (as root) puts the code into PREFIX and the units where systemd finds them; DESTDIR is for packagers
PREFIX ?= /opt/salon
UNITS  := $(DESTDIR)/usr/local/lib
BUILT  := $(DESTDIR)$(PREFIX)
# Which parts of Salon make install brings: room, hub (the meeting server), broker (the small MQTT broker), console (the
# fleet's), console-pg (with PostgreSQL); apart by commas. Done again, it brings the same as before.
BEFORE := $(shell cat $(BUILT)/parts 2>/dev/null)
USUAL  := room,hub
PARTS  ?= $(or $(BEFORE),$(USUAL))
# more words for pip, such as --no-deps
PIP    ?=
# What PyPI does not have: the system's, where it has them (apt install python3-picamera2 python3-lgpio on a Pi)
SYSTEM := picamera2 lgpio

# apt's packages, which camera modules and pins on a Raspberry Pi need: they are for the system's own Python alone
APT_PI := /usr/lib/python3/dist-packages

.PHONY: help demo test check unit interop test-fleet test-guest pi-acceptance native wheel debian bench lock clean install uninstall

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 10

demo: $(BIN)/.demo native ## a whole room on simulated devices, with its own meeting server, broker and fleet console (FOR=30 to end by itself)
	@$(BIN)/python -m appliance.demo.main $(if $(FOR),--for $(FOR))

test: debian check ## formatting, lint, types and all tests: everything CI runs
	@$(MAKE) --no-print-directory unit
	$(BIN)/python -m pytest tests/fuzz tests/native $(ARGS)
	@$(MAKE) --no-print-directory interop
	@$(MAKE) --no-print-directory test-fleet
	@$(MAKE) --no-print-directory test-guest

check: $(BIN)/.test ## formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# most of their time they wait for a clock: two at once
unit: $(BIN)/.test native ## the quick tests
	$(BIN)/python -m pytest tests/unit -n 2 $(ARGS)

interop: debian $(BIN)/.test native ## the tests with real servers, browsers and brokers
	$(BIN)/python tests/interop/livekit_build.py
	$(BIN)/python -m pytest tests/interop tests/scenario $(ARGS)

test-fleet: debian $(BIN)/.test native ## the fleet: real brokers, databases and browsers
	$(BIN)/python -m pytest tests/fleet -m "not alone" -n 2 --dist loadfile $(ARGS)
	$(BIN)/python -m pytest tests/fleet -m alone $(ARGS)

test-guest: debian $(BIN)/.test native ## real drivers: a Debian 13 in qemu, with cameras and sound cards to plug and pull
	$(BIN)/python tests/guest/image.py
	$(BIN)/python -m pytest -s tests/guest $(ARGS)

pi-acceptance: $(BIN)/.demo native ## real hardware: walks you through checks of every device (ARGS=--resume, ARGS=--list)
	@test ! -e $(APT_PI)/picamera2 -a ! -e $(APT_PI)/lgpio.py || $(PYTHON) -m venv --system-site-packages --without-pip $(VENV)
	@PYTHONPATH=tests $(BIN)/python -m acceptance $(ARGS)

native: $(NATIVE)/librtp.so ## the native media engine, where there is a C compiler; else all goes on in Python

wheel: $(BIN)/python ## the native media engine as a wheel in dist/, for machines without a compiler
	@$(BIN)/python -m appliance.media.rtc.native.wheel dist

debian: ## the Debian packages the tests need (installs them when root, else says which)
	@tests/install_debian_packages.sh

bench: debian $(BIN)/.test native ## speed and size, into benchmarks/results.json and docs/benchmarks.md (ONLY=name for one row)
	$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))

lock: $(BIN)/.test ## write down the exact versions that are installed now
	$(BIN)/pip freeze --exclude-editable > constraints.txt

install: ## as root: code into /opt/salon, the command /usr/bin/salon, systemd's units; again to upgrade (PARTS=console on a fleet's server)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Salon needs Python 3.11 or newer"; exit 1; }
	rm -rf build && $(PYTHON) -m venv --clear $(BUILT)
	$(BUILT)/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt $(PIP) '.[$(PARTS)]'
	@echo '$(PARTS)' > $(BUILT)/parts
	@# a server for a fleet's console handles no media
	case ',$(PARTS),' in *,room,*|*,hub,*|*,media,*) \
	  $(BUILT)/bin/python -I -m appliance.media.rtc.native.build >/dev/null || echo "media packets are handled in Python then";; \
	esac
	@# seen only after the installation: of all else the versions are ours
	@for module in $(SYSTEM); do \
	  if $(PYTHON) -I -c "import importlib.util as i, sys; sys.exit(i.find_spec('$$module') is None)"; then \
	    echo "uses the system's $$module" && \
	    sed -i 's/^\(include-system-site-packages =\) false/\1 true/' $(BUILT)/pyvenv.cfg; \
	  fi; \
	done
ifneq ($(DESTDIR),)
	grep -lrI --include=salon --include=pyvenv.cfg --include='activate*' '$(DESTDIR)' $(BUILT) | xargs sed -i 's|$(DESTDIR)||g'
endif
	install -d $(DESTDIR)/usr/bin $(DESTDIR)/etc/salon
	ln -sfn $(PREFIX)/bin/salon $(DESTDIR)/usr/bin/salon
	install -Dm644 -t $(UNITS)/systemd/system systemd/salon*
	install -Dm644 -t $(UNITS)/sysusers.d systemd/sysusers.d/salon.conf
	install -Dm644 -t $(UNITS)/tmpfiles.d systemd/tmpfiles.d/salon.conf
	install -Dm644 -t $(DESTDIR)/etc/polkit-1/rules.d systemd/polkit-1/50-salon.rules
ifeq ($(DESTDIR),)
	systemd-sysusers && systemd-tmpfiles --create $(UNITS)/tmpfiles.d/salon.conf && systemctl daemon-reload
endif

uninstall: ## as root: undo make install; /etc/salon and /var/lib/salon stay
ifeq ($(DESTDIR),)
	-systemctl disable --now salon.target salon-hub salon-broker salon-console salon-revoked.path $(addprefix salon-,daemon media display display-safe panel)
endif
	rm -rf $(BUILT) $(DESTDIR)/usr/bin/salon $(addprefix $(UNITS)/systemd/system/,$(notdir $(wildcard systemd/salon*)))
	rm -f $(UNITS)/sysusers.d/salon.conf $(UNITS)/tmpfiles.d/salon.conf $(DESTDIR)/etc/polkit-1/rules.d/50-salon.rules
ifeq ($(DESTDIR),)
	systemctl daemon-reload
endif

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
