# make demo   analyse the capture of a DNS outage that ships with the project
# make test   everything that CI checks
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: up help setup demo test lint format types unit explore bench chaos soak sink-soak lab lab-captures demo-capture detection-report config readme lock clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    analyse the capture of a DNS outage that ships with the project"
	@echo "make test    lint, types and every test (what CI runs)"
	@echo "make lint    ruff and mypy only"
	@echo "make explore  the property tests with examples that nobody drew before, ten times over"
	@echo "make bench   the measurements behind the README's figures"
	@echo "make chaos   kill stream workers twenty times, and freeze them, and restart the broker"
	@echo "make soak    live capture under changing load for 20 minutes: everything must add up (needs root)"
	@echo "make sink-soak  5 M records and 100,000 verdicts into Elasticsearch, with 20 kills (an hour)"
	@echo "make lab     real faults in network namespaces, judged (needs root; 8 minutes)"
	@echo "make lab-captures  the same, into tests/lab/captures; make demo-capture: the demo's"
	@echo "make detection-report  bring the tables of measured results in docs/ up to date"
	@echo "make up      Kafka and Elasticsearch on this machine, without Docker, until Ctrl-C (needs Java and Maven)"
	@echo "make config  write config/wireverdict.toml from the code"
	@echo "make readme  put what the demo prints into README.md"
	@echo "make lock    bring requirements/*.txt in step with pyproject.toml"

setup: $(INSTALLED)

$(INSTALLED): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("wireverdict needs Python 3.11 or newer; say which one with: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q producers sinks streams wireverdict
	@touch $@

# A verdict fires in this capture, which the command tells by exit status 1. Anything else is a failed demo.
demo: setup
	@$(BIN)/wireverdict analyze demo/dns-outage.pcap.gz; status=$$?; \
	if [ $$status -ne 1 ]; then echo "expected exit status 1 (a verdict fired), got $$status"; exit 1; fi

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

unit: setup
	scripts/system-packages
	$(BIN)/python -m wireverdict.kernels.build
	$(BIN)/python -m pytest -n 2

test: lint unit

format: setup
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# ROUNDS=100 for a night. What fails is drawn again by the line that the failure prints: make it an example of the test.
explore: setup
	for round in $$(seq $(or $(ROUNDS),10)); do \
		$(BIN)/python -m pytest -n 2 -q -m hypothesis --hypothesis-profile=explore || exit 1; \
	done

bench: setup
	$(BIN)/python -m benchmarks

# Seeds and moments are printed; WIREVERDICT_SEED=N plays another game.
chaos: setup
	WIREVERDICT_KILLS=20 $(BIN)/python -m pytest -s tests/streams/test_chaos.py tests/streams/test_worker.py

# SECONDS=60 for a shorter one.
soak: setup
	scripts/system-packages
	$(BIN)/python -m benchmarks.live_soak --seconds $(or $(SECONDS),1200)

# RECORDS=700000 for a shorter one.
sink-soak: setup
	$(BIN)/python -m benchmarks.sink_soak --records $(or $(RECORDS),5000000)

lab: setup
	scripts/system-packages
	$(BIN)/python -m tests.lab --out build/lab

lab-captures: setup
	scripts/system-packages
	$(BIN)/python -m tests.lab --out tests/lab/captures

demo-capture: setup
	scripts/system-packages
	$(BIN)/python -m tests.lab.dns_outage demo/dns-outage.pcap.gz

detection-report: setup
	$(BIN)/python -m benchmarks.detection_report --write

up: setup
	$(BIN)/python -m tests.services.up

config: setup
	$(BIN)/python scripts/default_config.py
	$(BIN)/python scripts/search_templates.py
	$(BIN)/python scripts/field_docs.py

readme: setup
	$(BIN)/python scripts/readme_demo.py

lock:
	scripts/lock

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
