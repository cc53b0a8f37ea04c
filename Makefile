# make demo · make test · make check · make bench: each does its own set-up. BENCH=--quick for a short one.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TOPICS := startup levels memory scoring generation invariance reuse record kills training metrics bertscore sandbox demo

.PHONY: demo test check bench clean

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip -c constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt hatchling editables
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-build-isolation -e ".[train,eval,dev]"
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/harness demo

# a test process a core, each with one thread; a file's tests stay together, since they share what they have made
test: $(STAMP)
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
