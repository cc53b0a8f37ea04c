# make demo · make test · make check · make bench: each does its own set-up. BENCH=--quick for a short one.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TOPICS := startup data levels memory advice scoring generation invariance reuse record kills training metrics bertscore sandbox judging attacks demo

.PHONY: demo test check bench clean browser

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip -c constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt hatchling editables setuptools
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-build-isolation -e ".[train,eval,data,serving,dev]"
	touch $(STAMP)

# the page for people's verdicts is tested in a real browser; without one these tests fail where it could be installed
browser:
	@for name in chromium chromium-browser google-chrome google-chrome-stable; do \
	    if command -v $$name >/dev/null; then exit 0; fi; \
	done; \
	if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium \
	        || echo "Chromium could not be installed: the tests of the page for people's verdicts will fail"; \
	else \
	    echo "no Chromium, and no apt-get as root to install it: the tests of the page for people's verdicts will be skipped"; \
	fi

demo: $(STAMP)
	$(BIN)/harness demo

# a test process a core, each with one thread; a file's tests stay together, since they share what they have made
test: $(STAMP) browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_imports.py

bench: $(STAMP)
	for topic in $(TOPICS); do $(BIN)/python bench/$$topic.py $(BENCH) || exit 1; done

clean:
	rm -rf $(VENV)
