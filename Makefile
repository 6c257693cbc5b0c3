# Everything that GAN Book needs, from a machine that has Python (3.11 or newer), git and make.
#   make book    install, run every notebook, build the pages
#   make test    install, lint, types, unit tests
#   make colab   every notebook, where only the wheel is, compared with what it stores
PYTHON  ?= python3
VENV    ?= .venv
PORT    ?= 8000
BROWSER ?= wanted
BIN     := $(VENV)/bin
READY   := $(VENV)/.ready
HTML    := book/_build/html
CACHE   := book/_build/.jupyter_cache
VENDOR  := book/_static/vendor

NOTEBOOKS := $(wildcard book/*.ipynb)
SOURCES   := $(shell find ganbook -name '*.py*' -o -name '*.toml' -o -name '*.json' -o -name '*.js' -o -name '*.css')

# What comes from npm, where it is here: MathJax for the pages, and what lints and tests scripts, styles, workflows.
NPM     := $(shell command -v npm 2>/dev/null)
MODULES := $(if $(NPM),book/_assets/node_modules/.package-lock.json)

.DEFAULT_GOAL := help
.PHONY: help install book serve test lint scripts types unit notebooks site colab seeds quality store assets weigh print clean

help:
	@echo "make book     install, run every notebook, build the pages"
	@echo "make serve    read the built pages at http://localhost:$(PORT)"
	@echo "make test     install, then lint, types and unit tests"
	@echo "make test FAST=1   the same, with the tests of the files that have changed only"
	@echo "make scripts  lint scripts and styles (part of make test where Node's npm is)"
	@echo "make site     look at the built pages in a browser: links, figures, search, accessibility"
	@echo "make colab    run every notebook as Colab would, without the repository, and compare its outputs"
	@echo "make notebooks NOTEBOOKS=book/minimax.ipynb   the same comparison here, for who writes it"
	@echo "make seeds    run every notebook with three other seeds: does an assertion break?"
	@echo "make quality  train on the real MNIST in DATA=... and judge the samples"
	@echo "make store    run every notebook and store its text outputs (after changing one)"
	@echo "make weigh    weigh the built pages, time them, and record it for the book's page on execution"
	@echo "make print    print the built book into build/gan-book.pdf (needs Chromium)"
	@echo "make clean    delete what was built; the environment in $(VENV) stays"

# ---- environment: made once, again only when the requirements change

install: $(READY)

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else "GAN Book needs Python 3.11 or newer; this is %d.%d. Name another one: make PYTHON=python3.12" % v[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[book,metrics,tensorboard,test]'
	@touch $@

# ---- the book

book: $(READY) assets $(CACHE)/.package
	$(BIN)/jupyter-book build book --path-output book --config _config.yml --toc $(CURDIR)/_toc.yml -n -W --keep-going
	@echo "The book is in $(HTML)/index.html; to read it: make serve"

serve:
	@test -f $(HTML)/index.html || { echo "There is no book yet; first: make book"; exit 1; }
	@echo "Reading at http://localhost:$(PORT) (end with Ctrl-C)"
	@$(PYTHON) -m http.server $(PORT) --bind 127.0.0.1 --directory $(HTML)

# Outputs are cached by a notebook's code; a change of the package, or of how kernels draw, makes them stale too.
$(CACHE)/.package: $(SOURCES) book/_ext/kernel_figures.py
	@rm -rf $(CACHE)
	@mkdir -p $(CACHE)
	@touch $@

# MathJax for the pages, so that formulas need no network (book/_assets/README.md).
assets: $(VENDOR)/.done

$(VENDOR)/.done: book/_assets/package-lock.json $(MODULES)
	@mkdir -p $(VENDOR)
ifdef NPM
	@rm -rf $(VENDOR)/mathjax && mkdir -p $(VENDOR)/mathjax/output
	@cp -R book/_assets/node_modules/mathjax/es5/tex-chtml-full.js $(VENDOR)/mathjax/
	@cp -R book/_assets/node_modules/mathjax/es5/output/chtml $(VENDOR)/mathjax/output/
	@touch $@
else
	@echo "Node's npm is not here: the pages will ask MathJax's usual host for the formulas' script."
endif

book/_assets/node_modules/.package-lock.json: book/_assets/package-lock.json
	cd book/_assets && npm ci --silent --no-audit --no-fund
	@touch $@

# ---- tests

test: lint types unit

lint: $(READY) scripts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# With GANBOOK_NODE=required (as in .ci/run) a missing npm is a failure; so is a missing Node for the tests.
scripts: $(MODULES)
ifdef NPM
	book/_assets/node_modules/.bin/biome check --error-on-warnings
else
	@echo "Node's npm is not here: scripts and styles are not linted."
	@test "$$GANBOOK_NODE" != required
endif

types: $(READY)
	$(BIN)/mypy
	$(BIN)/python tools/notebook_types.py

# With FAST=1 only the tests of the files that have changed since the last commit: for people who write.
unit: $(READY)
	$(BIN)/pytest $(if $(FAST),$$($(BIN)/python tools/changed_tests.py))

# For who writes a chapter; what must hold is that the outputs agree where only the wheel is: make colab.
notebooks: $(READY)
	$(BIN)/pytest --nbval --nbval-current-env --nbval-cell-timeout=600 -p no:cacheprovider $(NOTEBOOKS)

# With BROWSER=required a missing Chromium is a failure, and it is installed first where that is possible.
site: $(READY) assets
	@test -f $(HTML)/index.html || { echo "There is no book yet; first: make book"; exit 1; }
	@if [ "$(BROWSER)" = required ] && ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null; then \
		if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq chromium; \
		else $(BIN)/playwright install chromium; fi; fi
	GANBOOK_SITE=$(HTML) GANBOOK_BROWSER=$(BROWSER) $(BIN)/pytest tests/site

colab: $(READY)
	$(BIN)/python tools/colab.py

# By hand and once a week, not in .ci/run: does what the chapters assert hold for other seeds?
seeds: $(READY)
	$(BIN)/python tools/other_seeds.py $(NOTEBOOKS)

print: $(READY)
	@test -f $(HTML)/index.html || { echo "There is no book yet; first: make book"; exit 1; }
	$(BIN)/python tools/print_book.py $(HTML) build/gan-book.pdf

weigh: $(READY)
	$(BIN)/python tools/site_weight.py $(HTML) --record
	$(BIN)/python tools/execution_page.py

quality: $(READY)
	@test -n "$(DATA)" || { echo "name the folder that holds MNIST: make quality DATA=..."; exit 2; }
	GANBOOK_TEST_DATA="$(DATA)" $(BIN)/pytest -m mnist tests/quality

store: $(READY)
	$(BIN)/python tools/store_outputs.py $(NOTEBOOKS)

clean:
	rm -rf book/_build build $(VENDOR) book/_assets/node_modules
