# `make demo` and `make test` are all it takes on a fresh machine with Python >= 3.11.

PYTHON ?= python3
VENV := .venv
EMULATOR := .venv-emulator
BIN := $(VENV)/bin
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes
PACKAGE := layers/shared/python

export SAM_CLI_TELEMETRY := 0
export AWS_DEFAULT_REGION ?= eu-north-1
export PYTHONPATH := $(PACKAGE):.

.DEFAULT_GOAL := help
.PHONY: help demo dev test lint format bench soak screenshots clean install

help:
	@echo "make demo     the whole journey, end to end, printed as a person would see it"
	@echo "make dev      the same system, staying up: prints its addresses"
	@echo "make test     everything CI runs: lint, types, template, all tests"
	@echo "make lint     ruff, mypy and sam validate alone"
	@echo "make bench    the measurements the README quotes (one group: make bench ONLY=core)"
	@echo "make soak     a bounded fault run: everything breaks, nothing may be lost or doubled"
	@echo "make screenshots  the pictures of the README, from the journey in a real browser (needs Chromium)"
	@echo "make clean    remove what the others created"

# The stamps are newer than what was installed from, so a second call installs nothing.
$(VENV)/installed: requirements-dev.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP_INSTALL) --requirement requirements-dev.txt
	touch $@

$(EMULATOR)/installed: local/requirements.txt
	test -x $(EMULATOR)/bin/python || $(PYTHON) -m venv $(EMULATOR)
	$(EMULATOR)/bin/python $(PIP_INSTALL) --requirement local/requirements.txt
	touch $@

install: $(VENV)/installed $(EMULATOR)/installed

demo: install
	@$(BIN)/python -m local.demo

dev: install
	@$(BIN)/python -m local.dev

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sam validate --lint

test: lint
	$(BIN)/python -m pytest -q -n 2 --dist loadgroup -m "not stack and not browser" \
		--cov --cov-branch --cov-report=term:skip-covered
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "stack or browser" -p no:randomly

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install
	@$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY))

soak: install
	@$(BIN)/python -m local.soak $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES))

screenshots: install
	@$(BIN)/python -m local.screenshots

clean:
	rm -rf $(VENV) $(EMULATOR) .local .aws-sam .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
