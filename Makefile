# `make demo` and `make test` need Python 3.11, 3.12 or 3.13 and nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# A process for each core, of one thread each; children find our modules compiled. Files are
# written to memory where there is some for them: each save syncs them to the disk.
PYTEST := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= \
	TMPDIR=$(if $(wildcard /dev/shm/.),/dev/shm,$${TMPDIR:-/tmp}) \
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal
export HF_HUB_OFFLINE := 1

.PHONY: demo test test-wide test-all faults bench docs clean

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[plot]'
	touch $@

# Oracles of losses; their torchvision would break the import of transformers.
$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev,oracle]'
	$(BIN)/pip install -q --disable-pip-version-check --no-deps lightly==1.6.0 \
		open-clip-torch==3.3.0
	touch $@

demo: $(VENV)/installed
	rm -rf demo && mkdir demo
	$(BIN)/sentemb train --method simcse-sup --eval-steps 10 -o demo/model
	$(BIN)/sentemb evaluate mini demo/model
	$(BIN)/sentemb encode data/sentences.txt --model demo/model -o demo/sentences.npy
	$(BIN)/python examples/nearest.py data/sentences.txt demo/sentences.npy \
		"a man is playing the guitar on stage" demo/model
	$(BIN)/python examples/plot_training.py demo/model demo/alignment_uniformity.png

# Broken links, missing names and pages that no menu has are errors.
MKDOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict -q
docs: $(VENV)/installed-dev
	$(MKDOCS)

# What is left to test-all, docs/testing.md says.
test test-all: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell *.md cli docs examples sentemb
	{ $(BIN)/mypy && $(MKDOCS); } & checks=$$!; \
	$(PYTEST) $(if $(filter test-all,$@),-m ""); tests=$$?; \
	wait $$checks && exit $$tests

# The cases that `make test` leaves out and that take no minutes.
test-wide: $(VENV)/installed-dev
	$(PYTEST) -m "wide and not long"

# Every fault of docs/lab/reliability.md, also those that take minutes.
faults: $(VENV)/installed-dev
	$(PYTEST) tests/faults -m ""

bench: $(VENV)/installed-dev
	$(BIN)/python benchmarks/bench.py

clean:
	rm -rf $(VENV) demo build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
