VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo demo-web browser unit test reliability soak bench clean

install: $(VENV)/demo

demo: $(VENV)/demo
	@$(BIN)/confab chat

demo-web: $(VENV)/demo
	@CONFAB_WEB_OPEN=true $(BIN)/confab web

unit test reliability: export PYTHONDONTWRITEBYTECODE = # nothing: rewriting and compiling each test anew takes seconds
unit: $(VENV)/test
	$(BIN)/pytest -n 2 tests/unit tests/store -m 'not reliability and not slow'

test: $(VENV)/test browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 3 --dist worksteal --durations=20

# For the tests of pages: the system's package, where there is none yet and this may install it. Without it they are skipped.
browser:
	@{ command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update --quiet=2 && \
	    DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends chromium fonts-dejavu-core >&2; } || \
	  echo "Tests of pages are skipped, for there is no Chromium: install your system's package, chromium." >&2

reliability: $(VENV)/test
	$(BIN)/pytest -n 2 -m reliability -o faulthandler_timeout=0
	LONG=1 $(BIN)/pytest -n 2 tests/unit -o faulthandler_timeout=0
	WORLDS=$(or $(WORLDS),1000) $(BIN)/pytest -n 2 tests/e2e/test_worlds.py -o faulthandler_timeout=0
	TOOL_WORLDS=$(or $(WORLDS),200) $(BIN)/pytest -n 2 -m "" tests/integration/core/test_tool_worlds.py -o faulthandler_timeout=0
	QUESTIONS=$(or $(QUESTIONS),2000) $(BIN)/pytest tests/e2e/test_overload.py

soak: $(VENV)/test
	$(BIN)/python -m tests.e2e.soak $(or $(SECONDS),60)

bench: $(VENV)/test
	$(BIN)/python -m bench

# A python that is new enough: PYTHON if it is given, else the first of these. What fails leaves no half of a $(VENV).
PYTHONS = python3 python3.14 python3.13 python3.12 python3.11 python
NEEDED = 3.11

$(BIN)/pip:
	@for python in $(or $(PYTHON),$(PYTHONS)); do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < tuple(map(int, "$(NEEDED)".split("."))))' 2>/dev/null; then \
	    "$$python" -m venv $(VENV) >&2 && exit 0; \
	    rm -rf $(VENV); \
	    echo "$$python can't make a virtual environment; where python has packages of its own, install python3-venv." >&2; \
	    exit 1; \
	  fi; \
	done; \
	python="$(firstword $(PYTHON) python3)"; \
	found=$$("$$python" -c 'import sys; print("is %d.%d.%d" % sys.version_info[:3])' 2>/dev/null) || found="can't be run"; \
	echo "Confab needs python $(NEEDED) or newer, and $$python $$found. Name another: make PYTHON=/path/to/python" >&2; \
	exit 1

$(VENV)/demo: pyproject.toml | $(BIN)/pip
	@echo "Installing into $(VENV) ..." >&2
	@$(BIN)/pip install --quiet --editable . >&2
	@touch $@

$(VENV)/test: pyproject.toml | $(BIN)/pip
	$(BIN)/pip install --quiet --editable '.[test]'
	@touch $@ $(VENV)/demo

clean:
	rm -rf $(VENV) build *.egg-info .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
