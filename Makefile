# The two commands of the README are `make run` and `make test`; both do their own set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 3

# Where the environment forbids to keep byte code, each of the many processes would compile everything anew: 2.4 s of CPU.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup dev run test test-bouncer test-captions test-web bench fuzz fuzz-media clips openapi lint audit clean

# The lock files have every package with its hash, so pip has nothing to resolve. Byte code is left to the first start,
# which needs a part of it only. The project itself is added without asking anywhere.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile

setup: $(VENV)/.ready

dev: $(VENV)/.ready-dev

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Showme needs Python 3.11 or newer: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked dependencies into $(VENV) ..."
	@$(PIP) --require-hashes --requirement requirements.lock
	@$(PIP) --no-build-isolation --editable .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.lock
	@echo "Installing what tests and checks need as well ..."
	@$(PIP) --require-hashes --requirement requirements-dev.lock
	@touch $@

run: setup
	@$(BIN)/python -P -m api.cli up $(if $(filter 0,$(DEMO)),,--demo)

test: dev
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

# The story through a pooler in transaction mode; needs pgbouncer, which is no Python package.
test-bouncer: dev
	@$(BIN)/python -m pytest tests/journeys/through_a_bouncer.py

# Captions that a model makes of a voice; needs the extra `captions`, and SHOWME_CAPTIONS_MODEL to name its folder.
test-captions: dev
	@$(BIN)/python -m pytest tests/media/real_captions.py $(ARGS)

# Uppy and hls.js, as npm has them, in Chromium: needs it and node, which are no Python packages.
test-web: dev tests/web/node_modules/.ready
	@npm --prefix tests/web run --silent build
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -p tests.web.fixtures tests/web/uploads_in_chromium.py tests/web/playback_in_chromium.py tests/web/captions_in_chromium.py tests/web/growing_in_chromium.py $(ARGS)

tests/web/node_modules/.ready: tests/web/package.json tests/web/package-lock.json
	@npm --prefix tests/web ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

# Every clip of the manifest and every kind of video, each to its end: ten minutes of two cores.
clips: dev
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal tests/media/through_all_clips.py $(ARGS)

bench: dev
	@$(BIN)/python -m tests.bench $(ARGS)

# Cases made from the document, 50,000 of them, and 10,000 mutated videos: ARGS='--cases 1000 --seed 2' for fewer.
fuzz: dev
	@$(BIN)/python -m tests.fuzz $(ARGS)
	@$(BIN)/python -m tests.fuzz.media $(ARGS)

# Real files, mutated, through what a worker does with an upload; every tenth through a worker.
fuzz-media: dev
	@$(BIN)/python -m tests.fuzz.media --cases 1000 $(ARGS)

# The tests again, with the coverage of branches: half as long again.
coverage: dev
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --cov --cov-report=term:skip-covered $(ARGS)

# Kills everything in turn while reps hand in takes and the store fails; ten kills are among the tests.
chaos: dev
	@$(BIN)/python -m tests.chaos --kills 200 --seed 45 $(ARGS)

lint: dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

openapi: setup
	@$(BIN)/python -P -m api.cli openapi --write openapi

# Whether a known vulnerability is in what the locks pin; it says so when it could not ask.
audit: dev
	@$(BIN)/python .ci/audit

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
