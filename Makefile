PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo unit test reliability soak bench clean

install: $(VENV)/demo

demo: $(VENV)/demo
	@$(BIN)/confab chat

unit: export PYTHONDONTWRITEBYTECODE = # nothing: rewriting and compiling each test anew takes seconds
unit: $(VENV)/test
	$(BIN)/pytest -n 2 tests/unit tests/store -m 'not reliability and not slow'

test: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 2 --durations=20

reliability: $(VENV)/test
	$(BIN)/pytest -n 2 -m reliability -o faulthandler_timeout=0
	WORLDS=$(or $(WORLDS),1000) $(BIN)/pytest -n 2 tests/e2e/test_worlds.py -o faulthandler_timeout=0
	QUESTIONS=$(or $(QUESTIONS),2000) $(BIN)/pytest tests/e2e/test_overload.py

soak: $(VENV)/test
	$(BIN)/python -m tests.e2e.soak $(or $(SECONDS),60)

bench: $(VENV)/test
	$(BIN)/python -m bench

$(BIN)/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo: pyproject.toml | $(BIN)/pip
	@echo "Installing into $(VENV) ..." >&2
	@$(BIN)/pip install --quiet --editable . >&2
	@touch $@

$(VENV)/test: pyproject.toml | $(BIN)/pip
	$(BIN)/pip install --quiet --editable '.[test]'
	@touch $@ $(VENV)/demo

clean:
	rm -rf $(VENV) build *.egg-info .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
