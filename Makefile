# Every command of the project; `make help` lists them. `make check` is what CI runs.
.DEFAULT_GOAL := help
.PHONY: bench-themes help setup demo test check lint format types imports figures docs lock bench-stage bench-dedup bench-pipeline bench-queue bench-personal-data figures-personal-data simulate chaos clean

PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-16s %s\n", $$1, $$2 }'

setup: .venv/.for-work ## make .venv with everything that developing needs

demo: .venv/.for-use ## run the whole pipeline here on generated feedback, and say what it claims beside what is so
	@$(BIN)/labelwright demo $(ARGS)

test: .venv/.for-work ## run every test; ARGS="-k lease" for some
	@$(BIN)/pytest $(ARGS)

check: lint types imports test ## what CI runs

lint: .venv/.for-work ## format, lint, spelling, dependencies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell
	$(BIN)/deptry .

types: .venv/.for-work ## types, strictly
	$(BIN)/mypy

imports: .venv/.for-work ## who may import whom
	$(BIN)/lint-imports

format: .venv/.for-work ## write the code in its one form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/.for-work ## write what is generated of the docs: settings, metrics, topology
	$(BIN)/python -m docs.generate

bench-stage: .venv/.for-work ## our stage beside FastStream, taskiq, dramatiq and celery
	@$(BIN)/python -m benchmarks.stage $(ARGS)

bench-dedup: .venv/.for-work ## telling duplicates beside datasketch: speed, and memory in the server
	@$(BIN)/python -m benchmarks.dedup $(ARGS)

bench-pipeline: .venv/.for-work ## events a second through the whole pipeline, and how late
	@$(BIN)/python -m benchmarks.pipeline $(ARGS)

bench-queue: .venv/.for-work ## how long items wait by our ranking, beside first come and strict priority (simulated)
	@$(BIN)/python -m benchmarks.queue $(ARGS)

bench-themes: .venv/.for-work ## what is found of duplicates, and how well themes part intents
	@$(BIN)/python -m benchmarks.themes $(ARGS)

bench-personal-data: .venv/.for-work ## how long it takes to take personal data out of ordinary and hostile texts
	@$(BIN)/python -m benchmarks.redaction

figures-personal-data: .venv/.for-work ## recall and precision of that by kind and locale; ARGS="7 --faults" for another set
	@$(BIN)/python -m tests.personal $(ARGS)

simulate: .venv/.for-work ## the commit protocol under a million seeded steps
	@$(BIN)/python -m tests.simulation $(ARGS)

chaos: .venv/.for-work ## kill 1,000 workers and 100 servers under load
	@$(BIN)/python -m tests.chaos $(ARGS)

lock: .venv/.for-work ## pin what pyproject.toml asks for, with hashes
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra all --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --quiet --output-file requirements.lock $(ARGS)
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra bench --universal --python-version 3.11 \
		--constraint requirements.lock --generate-hashes --no-header --no-annotate --quiet \
		--output-file requirements-dev.lock $(ARGS)

clean: ## remove .venv and what tools left behind
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .labelwright build dist

.venv/.for-use: requirements.lock pyproject.toml
	@$(PYTHON) -m venv .venv
	@echo "setting up .venv (once)"
	@$(BIN)/pip install --quiet --require-hashes --requirement requirements.lock
	@$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@

.venv/.for-work: .venv/.for-use requirements-dev.lock
	@echo "setting up .venv for development (once)"
	@$(BIN)/pip install --quiet --require-hashes --requirement requirements-dev.lock
	@touch $@
