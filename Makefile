# What README names. Every target installs what it needs, from nothing, on Debian 12 as root or with sudo.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
ORC := $(VENV)/bin/orchestrator
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# The demo keeps to a folder of its own, so that `make demo-down` can remove every trace of it.
DEMO := $(HOME)/.local/state/orchestrator-demo
DEMO_ENV := env ORCHESTRATOR_LAB_DIR=$(DEMO)/lab ORCHESTRATOR_STATE=$(DEMO)/state.db XDG_CACHE_HOME=$(DEMO)/cache
DEMO_INVENTORY = $$($(DEMO_ENV) $(ORC) lab status --name demo -o json | python3 -c 'import json, sys; print(json.load(sys.stdin)["inventory"])')

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: packages
packages: ## Debian packages that practice hosts and tests need (apt; nothing when they are there)
	@command -v python3 >/dev/null || { $(SUDO) apt-get update -q; $(SUDO) apt-get install -q -y --no-install-recommends python3; }
	@missing=; for p in python3-venv $(EXTRA) $$(python3 -m orchestrator.lab.packages); do \
	  dpkg-query -W -f '$${db:Status-Status}\n' "$$p" 2>/dev/null | grep -qx installed || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then echo "installing:$$missing"; $(SUDO) apt-get update -q; \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing; fi

.PHONY: install
install: $(VENV)/.installed ## the command, in .venv
$(VENV)/.installed: setup.cfg pyproject.toml
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install -q --disable-pip-version-check --config-settings editable_mode=compat -e '.[dev]'
	touch $@

.PHONY: demo
demo: packages install ## practice hosts, a guest image, three real VMs ACTIVE
	$(SUDO) $(DEMO_ENV) $(ORC) lab up --name demo --hosts 2
	$(SUDO) $(DEMO_ENV) $(ORC) lab image
	$(SUDO) $(DEMO_ENV) $(ORC) apply -i "$(DEMO_INVENTORY)" -e image=$(DEMO)/lab/guest.qcow2 -v playbooks/quickstart.yaml
	$(SUDO) $(DEMO_ENV) $(ORC) get instances
	@for name in $$($(SUDO) $(DEMO_ENV) $(ORC) get instances -o name); do for second in $$(seq 90); do \
	  line=$$($(SUDO) $(DEMO_ENV) $(ORC) logs -i "$(DEMO_INVENTORY)" "$$name" | grep -a -m 1 'GUEST UP') && break; sleep 1; done; \
	  echo "$$name: $${line:?no kernel booted within 90 s}"; done

.PHONY: demo-down
demo-down: ## remove every trace of the demo (packages and .venv stay)
	if [ -x $(ORC) ]; then $(SUDO) $(DEMO_ENV) $(ORC) lab down --name demo; fi
	$(SUDO) rm -rf -- $(DEMO)

.PHONY: check
check: install ## ruff, mypy --strict, import-linter
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache

.PHONY: test
test: EXTRA := ceph-common ceph-mon ceph-osd libxml2-utils wget sudo tcsh fish isc-dhcp-client postgresql virtinst libvirt-dev pkg-config gcc libc6-dev python3-dev
test: packages install ## every test, end to end on practice hosts included (root)
	@$(VENV)/bin/python -c 'import libvirt' 2>/dev/null || $(VENV)/bin/pip install -q --disable-pip-version-check --config-settings editable_mode=compat -e '.[libvirt]'
	$(SUDO) $(VENV)/bin/pytest

.PHONY: bench
bench: packages install ## benchmarks, as ratios to a baseline run side by side
	$(SUDO) $(VENV)/bin/python -m tests.bench

NOVA := tests/differential/.venv
.PHONY: differential
differential: ## the real Nova's filters and weighers over random fleets: tests/differential/cases anew (minutes)
	@[ -x $(NOVA)/bin/python ] || { python3 -m venv $(NOVA) && $(NOVA)/bin/pip install -q --disable-pip-version-check nova==34.0.0; }
	PYTHONHASHSEED=0 $(NOVA)/bin/python -W ignore -m tests.differential.generate

.PHONY: bench-scale
bench-scale: packages install ## the same over 32 practice hosts
	$(SUDO) $(VENV)/bin/python -m tests.bench --scale

.PHONY: bench-peers
bench-peers: packages install ## ansible-core and pyinfra at the same work, as ratios to the same baseline
	test -x build/peers/bin/pyinfra || { python3 -m venv build/peers && build/peers/bin/pip install -q --disable-pip-version-check ansible-core pyinfra; }
	$(SUDO) $(VENV)/bin/python -m tests.bench --peers build/peers/bin
