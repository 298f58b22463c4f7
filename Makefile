# From a fresh clone, with Python 3.11+ and make: `make run`, `make demo` beside it, `make test`. `make help` lists all.
#
#   make run ARGS="--http-plain-port 8080"      arguments for the command behind run, demo, unit and bench
#   make test PYTHON=/opt/python3.12/bin/python3  another Python; the environment is made anew after `make clean`
#   make test WORKERS=0                           tests in one process
#   make unit EXAMPLES=1000                       how many examples each property gets
#   make crash ROUNDS=100                         how often
#   make fuzz SECONDS=600 TARGET="otlp zipkin"    how long for each target; which ones (all unless said)
#   make bench PEERS=/where ARGS="--only peers"   beside Jaeger, whose program lies in that folder

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PAGES := satellite/ui/index.html
WEB := $(shell find web -name node_modules -prune -o -type f ! -name types.ts -print 2>/dev/null)
WORKERS ?= auto
SECONDS ?= 60
ROUNDS ?= 100
EXAMPLES ?= 25
TARGET ?= all
ARGS ?=

# The newest Python that is new enough; empty when there is none.
ifndef PYTHON
PYTHON := $(shell for python in python3.14 python3.13 python3.12 python3.11 python3 python; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; \
	done)
endif

# Each process of the tests has files of its own, whose fixtures it makes once; who is done first takes over from the other.
SPREAD := -n $(WORKERS) --dist worksteal
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INTEROP := $(patsubst tests/interop/%.lock,.interop/%/.installed,$(wildcard tests/interop/*.lock)) \
	$(patsubst tests/interop/%/package-lock.json,.interop/%/.installed,$(wildcard tests/interop/*/package-lock.json)) \
	$(patsubst tests/interop/%/go.sum,.interop/%/.installed,$(wildcard tests/interop/*/go.sum)) \
	$(patsubst tests/interop/%/pom.xml,.interop/%/.installed,$(wildcard tests/interop/*/pom.xml)) \
	.interop/lightstep-streaming/.installed \
	$(patsubst examples/%/requirements.lock,.interop/example-%/.installed,$(wildcard examples/*/requirements.lock))

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help run pages demo test unit web interop crash clickhouse fuzz attack lint types format protos docs check-generated lock bench clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(INSTALLED) pages ## a satellite with its certificates in certs/ and its spans in data/; Ctrl-C ends it
	@exec $(BIN)/satellite serve --cert-dir certs --data-dir data $(ARGS)

# Without npm there is still the API; the wheel and the image have the pages always.
pages: ## build the pages from web/ when they are older than it; without npm only a word about it
	@if ! npm --version >/dev/null 2>&1; then \
		echo "There is no npm: the satellite serves its API and a start page, without the Explorer's pages." >&2; \
	elif ! $(MAKE) --no-print-directory $(PAGES); then \
		echo "The Explorer's pages could not be built (they need Node.js 20.19 or newer and the npm registry)." >&2; fi

demo: $(INSTALLED) ## Bookinfo traffic to the satellite of `make run`
	@COLLECTOR_CERT_DIR=certs exec $(BIN)/satellite demo $(ARGS)

test: lint types check-generated ## everything that CI runs
	$(MAKE) --no-print-directory unit
	$(MAKE) --no-print-directory web
	$(MAKE) --no-print-directory interop

unit: $(INSTALLED) ## the fast tests: no other client, no real process
	EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -m "not interop and not thorough" $(SPREAD) -q $(ARGS)

web: ## types and unit tests of the pages; needs npm
	@if ! npm --version >/dev/null 2>&1; then echo "There is no npm, so the pages are not tested." >&2; \
	else $(MAKE) --no-print-directory web/node_modules/.installed && \
		npm --prefix web run --silent check && npm --prefix web run --silent test; fi

interop: $(INSTALLED) $(INTEROP) pages ## the tests with real clients and processes, and the thorough ones
	$(BIN)/python -m pytest -m "interop or thorough" $(SPREAD) -q $(ARGS)

crash: $(INSTALLED) ## a satellite under load is killed ROUNDS times; nothing acknowledged may be missing
	CRASH_ROUNDS=$(ROUNDS) $(BIN)/python -m pytest tests/test_crash.py -q $(ARGS)

clickhouse: $(INSTALLED) .interop/clickhouse/.installed ## all of the conformance suite on ClickHouse; `make interop` runs a part
	CLICKHOUSE_WHOLE=1 EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest tests/store/clickhouse $(SPREAD) -q $(ARGS)

fuzz: $(INSTALLED) .fuzz/.installed ## a coverage-guided fuzzer on every decoder; findings become payload files of the tests
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) --target "$(TARGET)"

attack: $(INSTALLED) ## the attacks that once worked, SECONDS each, with figures; see docs/security.md
	$(BIN)/python -m tests.attack --seconds $(SECONDS)

lint: $(INSTALLED) ## ruff, the formatter, and who may import whom
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/lint-imports --no-logo

types: $(INSTALLED) ## mypy --strict
	$(BIN)/mypy

format: $(INSTALLED) ## rewrite the sources as the formatter and ruff's safe fixes want them
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

protos: $(INSTALLED) ## fill satellite/pb from protos/
	$(BIN)/python protos/generate.py

docs: $(INSTALLED) ## write the generated pages of docs/
	$(BIN)/python docs/generate.py

check-generated: $(INSTALLED) ## whether satellite/pb and docs/ are what `make protos docs` writes
	$(BIN)/python protos/generate.py --check
	$(BIN)/python docs/generate.py --check

bench: $(INSTALLED) ## measure; see bench/README.md
	$(BIN)/python -m bench $(ARGS)

UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url

lock: $(INSTALLED) ## newest allowed dependencies into requirements*.lock and tests/interop/*.lock
	$(PIP) install uv
	$(UV_COMPILE) --upgrade pyproject.toml --extra server -o requirements.lock
	$(UV_COMPILE) --upgrade pyproject.toml --extra server --group pyproject.toml:dev -c requirements.lock -o requirements-dev.lock
	for wanted in tests/interop/*.in tests/fuzz/*.in examples/*/*.in deploy/pool/*.in; do \
		test ! -e "$$wanted" || $(UV_COMPILE) --upgrade "$$wanted" -o "$${wanted%.in}.lock" || exit 1; \
	done

clean: ## remove environments and caches; certificates stay
	rm -rf $(VENV) satellite/ui web/node_modules .interop .fuzz .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find satellite tests bench docs protos -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment: made once, filled again when the locks change.

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and was not found." \
		"Install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is no Python 3.11 or newer." >&2; exit 1; }
	@echo "Making $(VENV) with $$("$(PYTHON)" --version)" >&2
	@"$(PYTHON)" -m venv $(VENV) || "$(PYTHON)" -m virtualenv --quiet $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) cannot make a virtual environment: its modules venv and ensurepip are missing." \
		"On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

$(INSTALLED): requirements-dev.lock pyproject.toml | $(BIN)/python
	@echo "Installing the locked dependencies" >&2
	@$(PIP) install --require-hashes -r requirements-dev.lock || { \
		echo "The dependencies could not be installed: is the package index reachable (see pip config list)?" >&2; exit 1; }
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# The pages, and what builds them (web/package-lock.json names no registry).

$(PAGES): web/node_modules/.installed $(WEB)
	@echo "Building the pages" >&2
	@npm --prefix web run --silent build >/dev/null
	@touch $@

web/node_modules/.installed: web/package-lock.json
	@echo "Installing what builds the pages" >&2
	@npm ci --prefix web --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

# The fuzzer, beside our own dependencies and not among them; what it learned in earlier runs stays there, too.
.fuzz/.installed: tests/fuzz/fuzz.lock | $(INSTALLED)
	@echo "Installing the fuzzer" >&2
	@rm -rf $(@D)/packages
	@$(PIP) install --target $(@D)/packages --only-binary :all: --require-hashes -r $< || { \
		echo "The fuzzer could not be installed: it has wheels for Linux on x86-64 and a few versions of Python," \
			"and needs the package index." >&2; exit 1; }
	@touch $@

# Clients that cannot live beside our own dependencies; tests/interop/<name>.lock says what is in .interop/<name>.
# Without the package index there is no client, and a note that lets its tests skip.
define PYTHON_CLIENT
	@echo "Installing the real client $*" >&2
	@rm -rf $(@D) $(@D).unreachable
	@$(BIN)/python -m venv --without-pip $(@D)
	@$(PIP) --python $(@D)/bin/python install --require-hashes -r $< || { \
		rm -rf $(@D); \
		if $(PIP) index versions pip >/dev/null 2>&1; then \
			echo "The client $* could not be installed." >&2; exit 1; fi; \
		echo "The package index is not reachable, so there is no client $* and its tests skip." >&2; \
		touch $(@D).unreachable; exit 0; }
	@test -e $(@D).unreachable || touch $@
endef
.interop/%/.installed: tests/interop/%.lock | $(INSTALLED)
	$(PYTHON_CLIENT)

# And the programs of examples/, each in an environment as its own readers would have.
.interop/example-%/.installed: examples/%/requirements.lock | $(INSTALLED)
	$(PYTHON_CLIENT)

# The same for npm: tests/interop/<name>/package-lock.json (no registry's address in it) into .interop/<name>/node_modules.
.interop/%/.installed: tests/interop/%/package-lock.json
	@rm -rf $(@D) $(@D).missing $(@D).unreachable
	@if ! npm --version >/dev/null 2>&1; then \
		echo "There is no npm, so there is no client $* and its tests skip." >&2; \
		mkdir -p $(dir $(@D)) && echo "npm is not installed" >$(@D).missing; exit 0; fi; \
	echo "Installing the real client $*" >&2; \
	mkdir -p $(@D) && cp tests/interop/$*/package.json $< $(@D) || exit 1; \
	if npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel=error >&2; then touch $@; exit 0; fi; \
	rm -rf $(@D); \
	if npm view npm version >/dev/null 2>&1; then echo "The client $* could not be installed." >&2; exit 1; fi; \
	echo "The npm registry is not reachable, so there is no client $* and its tests skip." >&2; \
	touch $(@D).unreachable

# And for Go: the tools of tests/interop/<name>/go.mod, and the programs beside it, into .interop/<name>.
.interop/%/.installed: tests/interop/%/go.sum tests/interop/%/go.mod
	@rm -rf $(@D) $(@D).missing $(@D).unreachable
	@if ! go version >/dev/null 2>&1; then \
		echo "There is no Go, so there is no client $* and its tests skip." >&2; \
		mkdir -p $(dir $(@D)) && echo "Go is not installed" >$(@D).missing; exit 0; fi; \
	echo "Building the real client $*" >&2; \
	mkdir -p $(@D); \
	if go -C tests/interop/$* build -mod=readonly -o $(abspath $(@D))/ $(if $(wildcard tests/interop/$*/*.go),./...) tool; then touch $@; exit 0; fi; \
	rm -rf $(@D); \
	if go list -m golang.org/x/net@latest >/dev/null 2>&1; then echo "The client $* could not be built." >&2; exit 1; fi; \
	echo "The Go module proxy is not reachable, so there is no client $* and its tests skip." >&2; \
	touch $(@D).unreachable

.interop/lightstep-go/.installed: tests/interop/lightstep-go/main.go

# And for the JVM: what tests/interop/<name>/pom.xml names, and the program beside it, into .interop/<name>.
.interop/%/.installed: tests/interop/%/pom.xml tests/interop/%/Program.java
	@rm -rf $(@D) $(@D).missing $(@D).unreachable
	@if ! mvn --version >/dev/null 2>&1 || ! javac --version >/dev/null 2>&1; then \
		echo "There is no JDK with Maven, so there is no client $* and its tests skip." >&2; \
		mkdir -p $(dir $(@D)) && echo "Maven or a JDK is not installed" >$(@D).missing; exit 0; fi; \
	echo "Installing the real client $*" >&2; \
	mkdir -p $(@D)/classes; \
	if mvn -q -B -f $< dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=$(abspath $(@D))/lib >&2; then \
		javac -encoding UTF-8 -cp '$(@D)/lib/*' -d $(@D)/classes tests/interop/$*/Program.java || exit 1; \
		touch $@; exit 0; fi; \
	rm -rf $(@D); \
	if mvn -q -B -U dependency:get -Dartifact=junit:junit:4.13.2:pom -Dtransitive=false >/dev/null 2>&1; then \
		echo "The client $* could not be installed." >&2; exit 1; fi; \
	echo "The Maven repository is not reachable, so there is no client $* and its tests skip." >&2; \
	touch $(@D).unreachable

# The one client that needs an old Python: 3.9 is the last that it works with (a wheel for Linux on x86-64). Without it
# its recorded streams are sent instead, so that nothing is skipped.
.interop/lightstep-streaming/.installed: tests/interop/lightstep-streaming/requirements.txt | $(INSTALLED)
	@rm -rf $(@D) $(@D).missing
	@for python in python3.9 "$$(pyenv root 2>/dev/null)"/versions/3.9.*/bin/python; do \
		"$$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 9))' 2>/dev/null || continue; \
		echo "Installing the real client lightstep-streaming" >&2; \
		"$$python" -m venv --without-pip $(@D) && \
			$(PIP) --python $(@D)/bin/python install --require-hashes -r $< && \
			$(@D)/bin/python -W ignore -c 'import lightstep_streaming' && touch $@ && exit 0; \
	done; \
	rm -rf $(@D); mkdir -p $(dir $(@D)); \
	echo "The client lightstep-streaming needs Python 3.9 on Linux, x86-64: its recorded streams are sent instead." >&2; \
	echo "lightstep-streaming could not be installed" >$(@D).missing
