# Everything happens in .venv: nothing is installed outside this folder.

PYTHON ?= python3
VENV := .venv
INSTALLED := $(VENV)/.installed
OUT ?= runs/quick
# Tests that neither simulate, train nor export.
FAST := tests/test_boundaries.py tests/test_documents.py tests/config tests/report tests/models/diffusion \
	$(addprefix tests/data/test_,episode_file.py retiming.py store.py windows.py) \
	$(addprefix tests/filters/,test_selection.py test_verifier_filter.py vlm) \
	$(addprefix tests/loop/test_,results.py run_folder.py seeds.py statistics.py) \
	$(addprefix tests/protocol/test_,summary.py uncertainty.py) \
	$(addprefix tests/robot/test_,acting.py guard.py messages.py motion.py outputs.py robot_file.py)

.DEFAULT_GOAL := help
.PHONY: help run check test slow lint clean

help: ## Show these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: $(INSTALLED) ## Improve an arm on an unseen task, into OUT=runs/quick; a second time goes on with it
	$(VENV)/bin/sail run --preset quick --out $(OUT) $(if $(wildcard $(OUT)/manifest.json),--resume)

check: $(INSTALLED) ## Lint, format and type check, and the fast tests: under 90 seconds
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy & types=$$!; \
	OMP_NUM_THREADS=1 $(VENV)/bin/pytest -q -n 2 --dist loadgroup -m 'not alone and not slow' $(FAST) && wait $$types

test: lint ## Lint, format and type check, then all tests but the slow ones
	OMP_NUM_THREADS=1 $(VENV)/bin/pytest -q -n 2 --dist loadgroup -m 'not alone and not slow'
	$(VENV)/bin/pytest -q -m 'alone and not slow'

slow: $(INSTALLED) ## The slow tests
	OMP_NUM_THREADS=1 $(VENV)/bin/pytest -q -n 2 --dist loadgroup -m 'slow and not alone'
	$(VENV)/bin/pytest -q -m 'slow and alone'

lint: $(INSTALLED) ## Lint, format and type check
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

clean: ## Remove the virtual environment and the caches (runs stay)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

# torch goes first, by its exact version: resolved with the rest, from a looser range, it may become
# another release's CUDA build and fetch gigabytes. A machine without a GPU that offers pip a CPU build
# of this version (PIP_FIND_LINKS, PIP_EXTRA_INDEX_URL) gets that one.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --no-compile $$(grep '^torch==' constraints.txt)
	$(VENV)/bin/pip install --no-compile -e '.[dev,ros]' -c constraints.txt
	touch $@
