# Two commands set up a bare Debian 12 or Ubuntu machine with python3 (3.11+), python3-venv, make and git:
#   make demo    the whole story on a sandbox cloud of its own
#   make test    all tests
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
FAST := tests/unit tests/property tests/checks tests/plugin tests/golden tests/docs tests/deploy
REAL := tests/contract tests/sandbox tests/real tests/browser
export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: demo test test-fast test-oldest test-real lint bench lock docs guest-tools browser-tools clean

demo: $(READY) guest-tools
	$(BIN)/imagegate demo

test: lint test-fast test-oldest test-real

test-fast: $(READY)
	$(BIN)/python -m pytest -q -n 2 --dist worksteal $(FAST)

# the plugin on the lowest pytest that pyproject.toml allows; everything else runs on the newest
test-oldest: $(VENV)-oldest/.ready
	$(VENV)-oldest/bin/python -m pytest -q -n 2 tests/plugin

# half of their time is waiting; files keep together because their sandboxes do
test-real: $(READY) guest-tools browser-tools
	$(BIN)/python -m pytest -q -n 3 --dist loadfile $(REAL)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check src
	$(BIN)/mypy
	$(BIN)/python -m imagegate.docs --check

bench: $(READY) guest-tools
	$(BIN)/python bench/run.py

# the documentation site, in build/site; without network
docs: $(READY)
	$(BIN)/python -m imagegate.docs --write
	$(BIN)/python -m sphinx -q -W --keep-going -b html -d build/doctrees docs build/site

LOCK := uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url pyproject.toml

# everything; what users install (deploy/), in the same versions; the plugin's tests on the lowest versions
lock: $(READY)
	$(BIN)/$(LOCK) --group dev -o tools/lock.txt
	$(BIN)/$(LOCK) --group build -c tools/lock.txt -o tools/lock-deploy.txt
	$(BIN)/$(LOCK) --group tests -c tools/oldest.txt -o tools/lock-oldest.txt

guest-tools:
	@tools/guest-tools.sh

browser-tools:
	@tools/browser-tools.sh

clean:
	rm -rf build $(VENV) $(VENV)-oldest .mypy_cache .ruff_cache .pytest_cache

$(READY): tools/lock.txt tools/bootstrap.sh pyproject.toml
	@tools/bootstrap.sh $(VENV)

$(VENV)-oldest/.ready: tools/lock-oldest.txt tools/bootstrap.sh pyproject.toml
	@tools/bootstrap.sh $(VENV)-oldest tools/lock-oldest.txt
