# The first two commands of the README: `make demo` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first Python that runs and is new enough.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null && \
	command -v $$python && break; done)
VENV := .venv
CORE := .venv-core
BIN := $(VENV)/bin
DEMO := demo

VISION := pip:efficientnet-lite0 pip:efficientnet-lite1 pip:efficientnet-lite2 pip:opennsfw
TEXT := pip:all-minilm-l6-v2 pip:paraphrase-minilm-l3 pip:wordllama-256 pip:smollm2-135m
CONTROLS := 'pip:efficientnet-lite0?init=random&seed=0' control:pixels control:color-histogram \
	'pip:all-minilm-l6-v2?init=random&seed=0' control:tfidf

.PHONY: help demo test check fast core verify benchmarks clean

help:
	@echo "make demo      real models on real image-caption pairs: a table and a report"
	@echo "make test      the whole test suite, as continuous integration runs it"
	@echo "make check     format, lint and types"
	@echo "make fast      the tests that take seconds"
	@echo "make verify    long checks and benchmarks; results into benchmarks/results"
	@echo "make clean     remove the environments and the demo"

demo: $(VENV)/.ready
	@$(BIN)/platonica compare $(VISION) $(TEXT) $(CONTROLS) --data stamps --null 999 --out $(DEMO)

test: check core
	@$(BIN)/python -c "from platonica.sources.data import load_data; load_data('stamps')"
	$(BIN)/python -m pytest

check: $(VENV)/.ready
	$(BIN)/ruff format --check src tests benchmarks docs
	$(BIN)/ruff check src tests benchmarks docs
	$(BIN)/mypy

fast: $(VENV)/.ready
	$(BIN)/python -m pytest -q -m "not slow" tests/common tests/measures tests/test_comparison.py \
		tests/test_moments.py tests/stats/test_calibration.py

# The bare core in an environment of its own: what needs more must skip or say what to install.
core: $(CORE)/.ready
	$(CORE)/bin/platonica --help > /dev/null
	$(CORE)/bin/python -m pytest -q -m "not slow" tests/test_minimal.py tests/test_architecture.py \
		tests/test_comparison.py tests/measures tests/stats tests/common tests/cli

verify: $(VENV)/.ready
	$(BIN)/python benchmarks/knn_graph.py
	$(BIN)/python benchmarks/layer_grid.py
	$(BIN)/python benchmarks/measures.py
	$(BIN)/python benchmarks/demo_table.py
	$(BIN)/python benchmarks/type_one.py
	$(BIN)/python benchmarks/coverage.py
	$(BIN)/python benchmarks/inference.py
	$(BIN)/python benchmarks/kill_loop.py --kills 20 --model pip:efficientnet-lite0 --data stamps --limit 96

clean:
	rm -rf $(VENV) $(CORE) $(DEMO)

define new_environment
	@test -n "$(PYTHON)" || \
		{ echo "platonica needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(1)/bin/python || $(PYTHON) -m venv $(1) || \
		{ echo "run: apt-get install python3-venv" >&2; rm -rf $(1); exit 1; }
endef

$(VENV)/.ready: pyproject.toml $(wildcard src/platonica/sources/catalog/*.toml)
	$(call new_environment,$(VENV))
	@echo "installing platonica with its extras; this takes some minutes and 6 GB the first time"
	@$(BIN)/pip install -q --disable-pip-version-check -e ".[models,onnx,data,knn,ot,dev]" 2> >(grep -v WARNING >&2)
	@$(BIN)/platonica models install all
	@touch $@

$(CORE)/.ready: pyproject.toml
	$(call new_environment,$(CORE))
	@$(CORE)/bin/pip install -q --disable-pip-version-check -e . pytest pytest-timeout hypothesis \
		2> >(grep -v WARNING >&2)
	@touch $@
