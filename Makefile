# Every target explains itself: make help
.DEFAULT_GOAL := help
.PHONY: help demo serve test check format prove bench setup clean wheel

VENV ?= .venv
HOME_FOLDER ?= .home
PYTHON := $(VENV)/bin/python
GAIJI := $(VENV)/bin/gaiji

help: ## say what every target does
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

demo: $(VENV)/.runtime ## the whole main job on the built-in council of eight cities; ends by itself
	$(GAIJI) fonts fetch --home $(HOME_FOLDER)
	$(GAIJI) demo --home $(HOME_FOLDER)

serve: $(VENV)/.runtime ## the glyph browser and the API on http://127.0.0.1:8000, on what the demo made
	$(GAIJI) serve --open-work --home $(HOME_FOLDER)

test: $(VENV)/.dev ## every test of the gate: SQLite, PostgreSQL, real fonts, a real browser
	sh tools/packages.sh chromium
	$(GAIJI) fonts fetch --home $(HOME_FOLDER)
	GAIJI_FONTS=$(abspath $(HOME_FOLDER))/fonts $(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: $(VENV)/.dev ## form, rules, types and the direction of imports
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache

format: $(VENV)/.dev ## put the code into its form
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

prove: $(VENV)/.dev ## the long proofs; results with their commit go to docs/reliability.md
	$(PYTHON) -m benchmarks.prove

bench: $(VENV)/.dev ## every figure of docs/benchmarks.md, peers and limits in the same run
	$(PYTHON) -m benchmarks

wheel: $(VENV)/.dev ## the package as a wheel, in dist/
	$(PYTHON) -m pip wheel --no-deps --wheel-dir dist .

setup: $(VENV)/.dev ## the virtual environment with everything for development

$(VENV)/.runtime: pyproject.toml constraints.txt hatch_build.py gaiji/charset/kernel.c
	sh tools/venv.sh $(VENV) .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt hatch_build.py gaiji/charset/kernel.c
	sh tools/venv.sh $(VENV) '.[dev]'
	@touch $@ $(VENV)/.runtime

clean: ## remove what the targets made: environment, demo, caches
	rm -rf $(VENV) $(HOME_FOLDER) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
