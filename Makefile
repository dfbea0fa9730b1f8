# Planerka: `make run` shows the main job on real audio, `make test` runs every test. Both set everything up first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONTRACTS := $(shell find proto third_party -name '*.proto')

.PHONY: help setup run test lint format generate up down clean

help:  ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

setup: $(VENV)/.ready  ## Make .venv with everything in it

$(VENV)/.ready: pyproject.toml constraints.txt hatch_build.py scripts/setup $(CONTRACTS)
	PYTHON="$(PYTHON)" scripts/setup
	@touch $@

run: setup  ## Fetch the models and run the main job on the sample meeting
	$(BIN)/planerka models pull
	$(BIN)/planerka demo

test: setup  ## Run all tests
	scripts/system-packages
	$(BIN)/planerka models pull
	scripts/test

lint: setup  ## Check style, types, contracts and imports
	scripts/lint

format: setup  ## Format code and contracts
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/buf format proto -w

generate: setup  ## Make the Python stubs of the contracts again
	$(BIN)/python -c "import hatch_build; hatch_build.generate()"

up: setup  ## Start the whole mesh on this machine
	$(BIN)/planerka up

down: setup  ## Stop it
	$(BIN)/planerka down

clean:  ## Remove what the targets above made in the checkout
	rm -rf $(VENV) gen build dist
