# Every way to build, check and try cep. `make` alone lists them.
#
# Needs a Python >= 3.11 with venv on the PATH, nothing else: packages come from wherever pip is set up
# to find them. Two stamp files in .venv make the second run quick; a changed pyproject.toml voids both.

VENV    := .venv
PY      := $(VENV)/bin/python
STAMP   := $(VENV)/.installed
DEV     := $(VENV)/.installed-dev
LIVE    := $(VENV)/.installed-live
# Folders that hold Python today: ruff and mypy refuse a folder without any.
SOURCES  = $(foreach d,cep tests samples bench,$(if $(wildcard $(d)/*.py),$(d)))
# Folders with typed code; bench is scripts.
TYPED    = $(filter-out bench,$(SOURCES))
# Tests that share the real services, or what was dear to make, run in one process.
PYTEST   = $(PY) -m pytest -n auto --dist loadgroup
# Compiled code is kept whatever the environment says: the tests start some two hundred Python programs.
unexport PYTHONDONTWRITEBYTECODE

# How long `make soak` takes.
SOAK_SECONDS ?= 1800

.DEFAULT_GOAL := help
.PHONY: help install run test check live up down chaos soak bench-live lint fmt golden samples bench bench-quick \
        exhaustive mutation conformance coverage clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP) ## make .venv with the cep command in it

run: install ## replay the sample events through the sample rules and print the alerts
	.venv/bin/cep replay samples --rules rules --config cep.yaml --format table

test: lint ## lints and every test, the slow ones too
	$(PYTEST)

check: lint ## lints and the quick tests, for use while writing
	$(PYTEST) -m "not slow"

live: $(LIVE) ## the samples through a real Kafka and two workers, one of which is killed; compared with a replay
	@$(PY) -m samples.live.show

up: $(LIVE) ## start a private Kafka and Redis and say where they are (needs Java and Maven, no containers)
	@$(PY) -m samples.live.services up

down: $(LIVE) ## end the Kafka and Redis of `make up`
	@$(PY) -m samples.live.services down

bench-live: $(DEV) ## live throughput and latency on a real Kafka and Redis, beside a plain Faust agent
	@$(PY) -m bench.live

chaos: $(DEV) ## 300 faults for live workers while two million events flow, 20 kills in agent mode; some hours
	CEP_CHAOS_FAULTS=300 CEP_CHAOS_EVENTS=2000000 CEP_CHAOS_SEED=300 $(PY) -m pytest tests/live/test_chaos.py -s
	CEP_AGENT_KILLS=20 $(PY) -m pytest tests/live/test_agent_mode.py -s

soak: $(DEV) ## half an hour of steady load with keys that come and go: neither memory nor state may grow
	@$(PY) -m tests.live.soak --seconds $(SOAK_SECONDS) --rate 5000

lint: $(DEV) ## ruff, formatting and mypy --strict, no tests
	$(PY) -m ruff check $(SOURCES)
	$(PY) -m ruff format --check $(SOURCES)
	$(PY) -m mypy --strict $(TYPED)

fmt: $(DEV) ## format the code, mend what ruff can mend, renew the tables of modules and decisions
	$(PY) -m ruff format $(SOURCES)
	$(PY) -m ruff check --fix $(SOURCES)
	$(PY) -m tests.tidy.architecture --write

golden: $(DEV) ## rewrite the golden files from what the code does now; read the diff before you commit
	UPDATE=1 $(PYTEST) -m "not slow"

samples: install ## write the sample events anew, from their seed
	$(PY) -m samples.generate

exhaustive: $(DEV) ## every pattern of four steps over every stream of six events; takes hours
	$(PY) -m tests.exhaustive

bench: $(DEV) ## measure everything beside other engines; half an hour or more; CEP_PEERS says where they are
	$(PY) bench/run.py

bench-quick: $(DEV) ## as bench, with small sizes: less than two minutes
	$(PY) bench/run.py --quick

mutation: $(PY) ## which small changes of the compiler and the reference engine no test notices; takes hours
	$(PY) -m venv build/mutation
	build/mutation/bin/python -m pip install --quiet --editable '.[dev]' 'mutmut>=3.7' 'pytest<9'
	build/mutation/bin/mutmut run
	build/mutation/bin/mutmut results

conformance: $(DEV) ## the shared cases on each engine, with the declined ones counted
	$(PYTEST) tests/conformance

coverage: $(DEV) ## tests with the lines and branches they miss
	$(PYTEST) --cov --cov-report=term

clean: ## remove .venv, caches and builds; sources stay
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PY):
	@for python in python3 python3.13 python3.12 python3.11; do \
	    if $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        echo "$$python -m venv $(VENV)"; exec $$python -m venv $(VENV); \
	    fi; \
	done; \
	echo "make: no Python >= 3.11 with venv found (tried python3, python3.13, python3.12, python3.11)" >&2; \
	echo "make: install one, with its venv package where the system splits it off, and run make again" >&2; \
	exit 1

# What is compiled when the package is installed.
KERNEL  := hatch_build.py cep/compiled/build.py $(wildcard cep/compiled/*.[ch])

$(STAMP): pyproject.toml $(KERNEL) | $(PY)
	$(PY) -m pip install --quiet --editable .
	@touch $@

$(LIVE): pyproject.toml $(STAMP)
	$(PY) -m pip install --quiet --editable '.[live,services]'
	@touch $@

$(DEV): pyproject.toml $(STAMP)
	$(PY) -m pip install --quiet --editable '.[dev]'
	@touch $@
