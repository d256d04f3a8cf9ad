# `make report` and `make test` are all that is needed. The first of them makes the virtual
# environment in .venv; both use it again afterwards.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CLUSTER := $(VENV)/.cluster

# TensorFlow ships its CUDA libraries apart; torch from the package index always brings its own.
EXTRA := $(shell command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L >/dev/null 2>&1 \
	&& echo cuda || echo cpu)

# What fits a screen of the table of pytest-benchmark.
TABLE := --benchmark-columns=median,iqr,rounds --benchmark-sort=mean --benchmark-name=short

.PHONY: help report test bench check lint format clean

help:
	@echo "make report   fit, judge, time, and draw the report (reports/latest/index.html)"
	@echo "make test     the test suite"
	@echo "make bench    the pytest-benchmark suite; ARGS=--full for optional backends as well"
	@echo "make check    fit and judge every backend, without timing"
	@echo "make lint     ruff, mypy, and the directions of imports"
	@echo "make format   let ruff format the code"
	@echo "make clean    remove the virtual environment and the latest report"

report: $(READY)
	$(BIN)/linreg-bench run $(ARGS)

test: $(CLUSTER)
	$(BIN)/python -m pytest $(ARGS)

bench: $(READY)
	$(BIN)/python -m pytest benchmarks -v $(TABLE) $(ARGS)

check: $(READY)
	$(BIN)/linreg-bench check $(ARGS)

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

$(READY): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Installing torch, TensorFlow ($(EXTRA)), JAX and the rest into $(VENV): some minutes, once."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on \
		-c constraints.txt -e '.[$(EXTRA),more,dev]'
	@touch $@

# What `--cluster` needs, and only the tests have to have.
$(CLUSTER): $(READY)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt -e '.[cluster]'
	@touch $@

clean:
	rm -rf $(VENV) reports/latest
