# make demo   the main job on bundled real data, from nothing: writes report.html
# make test   everything that must hold
# make bench  side by side with the peers
PYTHON ?= python3
VENV   := .venv
PEERS  := .venv-peers
BIN    := $(VENV)/bin
JOBS   ?= 2

.PHONY: demo test bench style clean
.DELETE_ON_ERROR:

demo: $(VENV)/base
	$(BIN)/pellucid demo

test: $(VENV)/test style
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

style: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/bench $(PEERS)/made
	$(BIN)/python benchmarks/run.py

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# A stamp is newer than pyproject.toml once its libraries are in: the second run needs no network.
$(VENV)/base: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || $(MAKE) chromium
	@touch $(VENV)/base $@

$(VENV)/bench: $(VENV)/test
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	@touch $@

# Peers that hold other libraries back live in an environment of their own.
$(PEERS)/made: Makefile
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet alibi anchor-exp dalex lime scikit-learn
	$(PEERS)/bin/python -m pip install --quiet --no-deps grad-cam zennit ttach opencv-python-headless
	$(PYTHON) -m venv $(PEERS)/quantus
	$(PEERS)/quantus/bin/python -m pip install --quiet --constraint constraints.txt torch 'numpy<2.4' quantus
	@touch $@

.PHONY: chromium
chromium:
	@if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; \
	else echo "The browser tests need Chromium: install it with your package manager."; exit 1; fi

clean:
	rm -rf $(VENV) $(PEERS) build dist .pytest_cache .mypy_cache .ruff_cache
