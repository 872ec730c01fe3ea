# make = make help. Everything is safe to repeat.

SHELL = /bin/bash
.SHELLFLAGS = -euo pipefail -c
.ONESHELL:
.SILENT:
.DELETE_ON_ERROR:

PYTHON ?= $(shell packaging/find-python)
VENV ?= .venv
BIN = $(VENV)/bin
PREFIX ?= /usr/local
DESTDIR ?=
TESTS ?= tests
PYTEST_ARGS ?=
# With REQUIRE_TOOLS=1 (CI) a check whose tool is missing fails; without, it is left out with a word.
REQUIRE_TOOLS ?=

LIBRARY = $(DESTDIR)$(PREFIX)/lib/pyruntime
C_FILES = $(wildcard csrc/*.[ch] tests/*.[ch] tests/*/*.[ch])
SOURCES = $(shell find 2>/dev/null pyruntime csrc schemas packaging -type f -not -name '*.pyc') CMakeLists.txt pyproject.toml

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_ROOT_USER_ACTION = ignore

.PHONY: help venv sweep fuzz check lint format specification test settings demo conformance bench install clean packages

help: ## this list
	sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | column -ts $$'\t'

venv: $(VENV)/.installed ## build and install into $(VENV), with what tests and checks need

$(VENV)/.tools: pyproject.toml packaging/find-python
	test -n "$(PYTHON)" || { echo "python 3.11 or newer with venv is needed" >&2; exit 1; }
	test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	$(BIN)/python packaging/requirements.py | $(BIN)/pip install --quiet --requirement /dev/stdin
	touch $@

$(VENV)/.installed: $(VENV)/.tools $(SOURCES)
	$(BIN)/pip install --quiet --no-build-isolation --no-deps --force-reinstall .
	touch $@

check: lint ## lint, unit and golden tests; no root
	$(BIN)/pytest -q $(wildcard tests/unit tests/golden) $(PYTEST_ARGS)

lint: venv ## form, rules and types of Python and C
	failed=
	run() { if [ -x "$(BIN)/$$1" ]; then echo "+ $$1 $$2"; "$(BIN)/$$@" || failed="$$failed $$1"; \
	    elif [ -n "$(REQUIRE_TOOLS)" ]; then failed="$$failed $$1 (missing)"; \
	    else echo "- $$1 is missing: left out"; fi; }
	run ruff format --check --quiet --output-format concise .
	run ruff check --quiet --output-format concise .
	run mypy --no-error-summary
	run clang-format --dry-run --Werror $(C_FILES)
	[ -z "$$failed" ] || { echo "failed:$$failed" >&2; exit 1; }

specification: venv ## docs/specification.md from tests/specification
	$(BIN)/python tests/support/specification.py > docs/specification.md

format: venv ## rewrite Python and C to the common form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/clang-format -i $(C_FILES)

test: packages ## everything, from nothing; as root it installs what is missing
	$(MAKE) --no-print-directory venv
	$(if $(REQUIRE_TOOLS),$(MAKE) --no-print-directory lint)
	packaging/run-tests $(BIN)/pytest $(TESTS) $(PYTEST_ARGS)

settings: TESTS = tests/integration tests/guest/test_settings.py
settings: test ## real containers on this machine and in guests

sweep: packages ## every verb stopped at each of its system calls; some 20 minutes
	$(MAKE) --no-print-directory venv
	packaging/run-tests $(BIN)/pytest tests/attacks/test_crash_sweep.py --sweep-every=1 $(PYTEST_ARGS)

fuzz: packages ## odd input for hours: the configuration, the files of a container, the executor's plan
	$(MAKE) --no-print-directory venv
	packaging/run-tests $(BIN)/pytest tests/fuzz --fuzz-examples=200000 $(PYTEST_ARGS)

demo: ## a container from nothing: bundle, plan, a look from inside
	bash demo/run.sh

conformance: venv ## the OCI validation programs against this runtime
	$(BIN)/python conformance/run.py --runtime $(abspath $(BIN)/pyruntime)

bench: venv ## this runtime against the installed peers
	bash bench/run.sh

install: $(VENV)/.tools ## for the whole system: PREFIX=/usr/local DESTDIR=
	PATH="$(abspath $(BIN)):$$PATH"
	mkdir -p build
	cmake -S . -B build/install -G Ninja -DCMAKE_BUILD_TYPE=Release \
	    -DPython_EXECUTABLE="$(abspath $(BIN)/python)" >build/install.log 2>&1 || { cat build/install.log; exit 1; }
	cmake --build build/install
	rm -rf "$(LIBRARY)"
	DESTDIR="$(DESTDIR)" cmake --install build/install --prefix "$(PREFIX)" >>build/install.log
	python packaging/requirements.py runtime | \
	    pip install --quiet --no-compile --target "$(LIBRARY)" --requirement /dev/stdin
	rm -rf "$(LIBRARY)/bin"
	python -m compileall -q --invalidation-mode unchecked-hash -s "$(DESTDIR)" -p / "$(LIBRARY)"
	if [ "$$(id -u)" = 0 ]; then chown -R root:root "$(LIBRARY)" "$(DESTDIR)$(PREFIX)/bin/pyruntime"; fi
	chmod -R u+rwX,go+rX,go-w "$(LIBRARY)" "$(DESTDIR)$(PREFIX)/bin/pyruntime"
	echo "installed $(DESTDIR)$(PREFIX)/bin/pyruntime and $(LIBRARY)"

clean: ## remove what was built
	rm -rf build dist $(VENV)

packages:
	packaging/install-packages $(if $(REQUIRE_TOOLS),--require)
