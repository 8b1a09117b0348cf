# Each command does all its own set-up: make demo, make test, make hostile.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test hostile lint docs clean

demo: .venv/installed
	$(BIN)/oi build --sources all --sample --overwrite
	$(BIN)/oi stats
	@echo "Next: $(BIN)/oi explain alpaca/000002"

test: .venv/installed-dev lint
	$(BIN)/python -m pytest -n auto

hostile: .venv/installed-dev  ## input that takes more time than its length is worth
	$(BIN)/python -m scripts.hostile

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: .venv/installed-dev  ## write the generated pages of docs/ again
	$(BIN)/python scripts/make_docs.py

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Open Instructions needs Python 3.11 or later: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/installed-dev: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,cluster-tests]'
	touch $@ .venv/installed

clean:
	rm -rf .venv build dist *.egg-info
