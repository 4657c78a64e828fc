# The commands of this project; `make help` lists them.

# uv installs the locked packages several times faster than pip; pip installs uv.
UV := uv==0.13.9
PYTHON := .venv/bin/python
# Stamps of what is installed: for `make run` and `make up`, for development, and for EXECUTOR=celery.
INSTALLED := .venv/.installed
DEVELOPING := .venv/.installed-dev
CLUSTERED := .venv/.installed-celery
# checkov's dependencies conflict with Airflow's: it gets an environment of its own.
SCANNERS := .venv/scanners/.installed

INSTALL := VIRTUAL_ENV=.venv $(PYTHON) -m uv pip install --quiet --constraint requirements.lock

# Airflow's processes import thousands of modules. Without cached bytecode, imports take twice as long.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/.local/bytecode

# `EXAMPLE=shopify` means the raw files and the contract of examples/shopify.
ifdef EXAMPLE
RAW ?= examples/$(EXAMPLE)/raw
export ECOMMERCE_CONTRACT ?= examples/$(EXAMPLE)/contract.py
endif

# Recipes read these from the environment, so that a folder may have any name.
export DAY RAW SQL OUT EXECUTOR WORKERS FULL SEED

.PHONY: help install run up down status query verify inspect deliver test test-unit test-browser test-celery test-spark test-faults check contract check-security bench lock clean
.DEFAULT_GOAL := help

help:
	@echo 'make run                  generate a day of raw files and publish it through the real DAG'
	@echo 'make run DAY=2026-11-21   the same for a given day'
	@echo 'make run RAW=folder       publish your own customers.csv, products.csv and orders.csv'
	@echo 'make run EXAMPLE=shopify  publish the files of a shop in examples/ with its contract'
	@echo 'make up                   start Airflow and the store, with the schedule on and a week of raw files'
	@echo 'make up EXECUTOR=celery   the same with PostgreSQL, Redis and WORKERS=2 Celery workers'
	@echo 'make down                 stop Airflow and the store'
	@echo 'make status               show whether they are running, and their addresses'
	@echo 'make query SQL="SELECT …" query published days: orders, customers, products, quarantine_*; OUT=file saves the result'
	@echo 'make deliver RAW=folder   deliver your files to the running stack; DAY=YYYY-MM-DD for another day'
	@echo 'make verify DAY=2026-11-21  prove a published day by recomputing and comparing it'
	@echo 'make inspect RAW=folder   describe your files and print the contract that fits them; OUT=file saves it'
	@echo 'make install              install the packages for tests, checks and benchmarks'
	@echo 'make test                 run unit, project and integration tests'
	@echo 'make test-unit            run only the tests without a scheduler'
	@echo 'make test-browser         test the data-quality site in Chromium'
	@echo 'make test-celery          test the DAG on two Celery workers and kill one of them'
	@echo 'make test-spark           compare the transform on Spark with that on a worker'
	@echo 'make test-faults          inject random faults into requests, processes, disk and store; FULL=1 takes an hour or two'
	@echo 'make check                check format, lint, layers, types and the exported contract'
	@echo 'make contract             export the contract to docs/contract.odcs.yaml'
	@echo 'make check-security       check dependencies, code, secrets, templates and image'
	@echo 'make bench                compare speed and memory with other engines; BENCH="--size small" is quick'
	@echo 'make clean                stop everything and delete .venv/ and .local/'
	@echo 'Airflow listens on port 8080 and S3 on port 8333 of 127.0.0.1; UI_PORT=… and S3_PORT=… change that.'

run up: $(if $(filter celery,$(EXECUTOR)),$(CLUSTERED))

run: $(INSTALLED)
	@$(PYTHON) -m include.local run --day "$$DAY" --raw "$$RAW"

deliver: $(INSTALLED)
	@$(PYTHON) -m include.local deliver --day "$$DAY" --raw "$$RAW"

install: $(DEVELOPING)

up down status: $(INSTALLED)
	@$(PYTHON) -m include.local $@

inspect: $(INSTALLED)
	@$(PYTHON) -m include.local inspect --raw "$$RAW" --out "$$OUT"

query: $(INSTALLED)
	@$(PYTHON) -m include.local query --sql "$$SQL" --out "$$OUT"

verify: $(INSTALLED)
	@$(PYTHON) -m include.local verify --day "$$DAY"

test: $(DEVELOPING) $(SCANNERS)
	@$(PYTHON) -m pytest tests/project tests/unit tests/integration

# PROFILE=deep runs property tests with twenty times as many random cases.
test-unit: $(DEVELOPING) $(SCANNERS)
	@$(PYTHON) -m pytest tests/project tests/unit $(if $(PROFILE),--hypothesis-profile=$(PROFILE))

# Needs Chromium: the Debian package `chromium`.
test-browser: $(DEVELOPING)
	@BROWSER_REQUIRED=1 $(PYTHON) -m pytest tests/browser

# Needs PostgreSQL and Redis: the Debian packages `postgresql` and `redis-server`.
test-celery: $(DEVELOPING)
	@$(PYTHON) -m pytest tests/celery

# Needs Java 17: the Debian package `openjdk-17-jre-headless`.
test-spark: $(DEVELOPING)
	@$(PYTHON) -m pytest tests/spark

# SEED=… repeats a run that printed this seed.
test-faults: $(DEVELOPING)
	@$(PYTHON) -m pytest tests/faults

check: $(DEVELOPING)
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	.venv/bin/lint-imports --no-cache --no-logo
	$(PYTHON) -m mypy
	$(PYTHON) .ci/check_contract.py

contract: $(DEVELOPING)
	@$(PYTHON) .ci/check_contract.py --write

check-security: $(DEVELOPING) $(SCANNERS)
	@$(PYTHON) .ci/check_security.py
	@$(PYTHON) .ci/check_licences.py

bench: $(DEVELOPING)
	@$(PYTHON) -m benchmarks $(BENCH)

clean:
	@if [ -f $(INSTALLED) ]; then $(PYTHON) -m include.local down; fi
	rm -rf .local .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis

# The virtual environment, updated whenever the lock has changed.
$(INSTALLED): requirements.lock requirements.txt requirements-local.txt
	@python=$$(for name in python3 python3.13 python3.12 python3.11; do \
	    if $$name -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; \
	    then echo $$name; break; fi; done); \
	if [ -z "$$python" ]; then \
	    echo 'error: no Python 3.11, 3.12 or 3.13 with its venv module was found on the path.' \
	        'Install one (on Debian and Ubuntu the package python3-venv as well).' >&2; \
	    exit 1; \
	fi; \
	$(PYTHON) -m pip --version >/dev/null 2>&1 || $$python -m venv --clear .venv
	@echo "Installing packages into .venv, with $$($(PYTHON) --version) (a few minutes, once)"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check '$(UV)'
	@$(INSTALL) --requirement requirements-local.txt
	@touch $@

$(CLUSTERED): $(INSTALLED) requirements-celery.txt
	@$(INSTALL) --requirement requirements-celery.txt
	@touch $@

$(DEVELOPING): $(INSTALLED) requirements-dev.txt requirements-celery.txt requirements-spark.txt
	@$(INSTALL) --requirement requirements-dev.txt
	@touch $@

$(SCANNERS): $(INSTALLED) requirements-scanners.lock
	@$(PYTHON) -m uv venv --quiet --allow-existing --python $(PYTHON) .venv/scanners
	@$(PYTHON) -m uv pip install --quiet --python .venv/scanners/bin/python --requirement requirements-scanners.lock
	@touch $@

# Pins every package for all supported Pythons and platforms, without index addresses.
lock: $(INSTALLED)
	$(PYTHON) -m uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
	    requirements-dev.txt --output-file requirements.lock
	$(PYTHON) -m uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
	    requirements-scanners.txt --output-file requirements-scanners.lock
