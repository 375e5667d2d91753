# Every command of the project. `make` alone explains them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?=
BIN := .venv/bin

export PYTHON
export PYTHONUNBUFFERED := 1

.PHONY: help setup lock fmt lint test test-unit test-integration demo bench dev clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  PYTHON=/path/to/python chooses the interpreter of .venv; BENCH_JSON=FILE keeps the figures of make bench."

setup: ## Build .venv from requirements.lock; fetch Kafka when Java and Maven are found
	@.ci/setup

lock: setup ## Resolve the dependencies of pyproject.toml into requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links -q -o requirements.lock

fmt: setup ## Format the code and fix what ruff can fix
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format

lint: setup ## Check rules, format, types and import directions
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

test: setup ## Set up, lint, and run every test
	@$(MAKE) lint
	@$(BIN)/pytest

test-unit: setup ## Run the tests that need no broker and no database
	@$(BIN)/pytest -m "not integration and not e2e and not chaos"

test-integration: setup ## Run the tests on a real Kafka and a real Postgres
	@$(BIN)/pytest -m "integration or e2e or chaos"

demo: setup ## Set up and run an example through the real pipeline
	@$(BIN)/python -m examples.demo

bench: setup ## Measure the whole pipeline
	@BENCH_JSON="$(BENCH_JSON)" $(BIN)/python -m bench

dev: setup ## Start everything on this machine; Ctrl-C stops it
	@$(BIN)/aob dev

clean: ## Remove caches and build output; .venv and the data of aob dev stay
	@rm -rf dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name .venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
