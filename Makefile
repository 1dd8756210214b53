# One place for set-up: every target makes .venv first, and the stamp makes that free the second time.
# Exit codes of `omniagent run` pass through: make reports an error when the picture is not accepted.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
VLLM := .venv-vllm
VLLM_STAMP := $(VLLM)/.installed

export TASK ?= a yellow star above two blue circles on a black background
export IMAGES ?=
export ARGS ?=
# Processes that tests run in, each of one file at a time.
# Many tests wait for servers and processes, so three share two cores.
JOBS ?= 3

.DEFAULT_GOAL := help
.PHONY: help setup chromium run demo test test-fast test-vllm test-ray fuzz-api bench-critic check docs data train eval histories bench clean

help:
	@echo "make run [TASK='...'] [IMAGES='a.png b.png'] [ARGS='--seed 7']   draw a picture (a good example with no TASK)"
	@echo "make demo                                      chat in the browser, on 127.0.0.1"
	@echo "make test | test-fast                          all tests | the quick ones, without browser and bundled checkpoint"
	@echo "make test-vllm | bench-critic                  the critic on a real vLLM: tests | figures (its own environment, 3 GB)"
	@echo "make test-ray                                  several processes that draw, under Ray Serve (the extra ray)"
	@echo "make fuzz-api                                  2,000 requests made of the HTTP server's OpenAPI document"
	@echo "make check                                     ruff, pyright, and hadolint on the Dockerfile"
	@echo "make docs                                      the documentation as pages, in build/docs"
	@echo "make data [FILMS=48] [RUNS=100] [ARGS='--workers 2']    training records of every recipe from synthetic videos and runs"
	@echo "make train [ARGS='vae --help']                 train the bundled checkpoint's parts"
	@echo "make eval [ARGS='draw --limit 20']              figures on the test split, judged by the oracle"
	@echo "make histories [N=10000]                        random verdict histories through the loop's real routing"
	@echo "make bench [ARGS='exact load']                  ratios and timings, one line each (docs/performance.md)"
	@echo "make clean                                     remove the environment, caches and builds"

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev]'
# pip compiles what it copies, and nothing of an editable install; a first start would wait for that.
	$(BIN)/python -m compileall -q omniagent
	@touch $@

setup: $(STAMP)

# The browser test drives Debian's Chromium; OMNIAGENT_CHROMIUM names another one.
chromium:
	@command -v "$${OMNIAGENT_CHROMIUM:-chromium}" >/dev/null || { \
	  echo "installing Chromium for the browser test"; \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  $$sudo apt-get update -qq && $$sudo apt-get install -y -qq chromium >/dev/null; } || { \
	  echo "the browser test needs Chromium: install it and set OMNIAGENT_CHROMIUM to its path, or run make test-fast" >&2; \
	  exit 1; }

run: $(STAMP)
	@set --; for image in $$IMAGES; do set -- "$$@" --image "$$image"; done; \
	  $(BIN)/omniagent run "$$TASK" "$$@" $$ARGS

demo: $(STAMP)
	$(BIN)/omniagent demo $$ARGS

test test-fast: export OMP_NUM_THREADS ?= 1
# Hundreds of processes of tests import the package: without bytecode each of them compiles it anew.
test test-fast: export PYTHONDONTWRITEBYTECODE :=

test: $(STAMP) chromium
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile $$ARGS

test-fast: $(STAMP)
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile -m 'not browser and not bundled and not slow' $$ARGS

# vLLM pins torch and transformers hard, hence its own environment. The torchvision that comes along is built for another
# torch: torchvision_operators.py lets it be imported; torchaudio and torchcodec are not needed and cannot be.
$(VLLM_STAMP): tests/vllm/requirements.txt tests/vllm/constraints.txt tests/vllm/torchvision_operators.py
	test -x $(VLLM)/bin/python || $(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/python -m pip install --disable-pip-version-check -q -c tests/vllm/constraints.txt -r tests/vllm/requirements.txt
	$(VLLM)/bin/python -m pip uninstall --disable-pip-version-check -q -y torchaudio torchcodec
	site=$$($(VLLM)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') && \
	  cp tests/vllm/torchvision_operators.py "$$site/" && echo 'import torchvision_operators' > "$$site/torchvision_operators.pth"
	@touch $@

# Servers end with the tests that started them; a detached one is stopped here whatever happened.
test-vllm: export OMNIAGENT_CRITIC_DIR = $(CURDIR)/$(VLLM)/state
test-vllm: $(STAMP) $(VLLM_STAMP)
	trap '$(BIN)/omniagent critic stop' EXIT; $(BIN)/python -m pytest -q tests/vllm $$ARGS

# Ray Serve and two replicas on CPUs with the bundled checkpoint; Ray is left out of the extra dev, since it is large.
test-ray: $(STAMP)
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[ray]'
	$(BIN)/python -m pytest -q tests/ray $$ARGS

fuzz-api: export OMNIAGENT_API_CASES ?= 2000
fuzz-api: $(STAMP)
	$(BIN)/python -m pytest -q -s -o timeout=3600 tests/omniagent/http/test_document.py $$ARGS

bench-critic: $(STAMP) $(VLLM_STAMP)
	$(BIN)/python -m tests.bench.critic $$ARGS

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/hadolint Dockerfile

# Needs no network, and fails on any warning.
docs: export NO_MKDOCS_2_WARNING = 1
docs: $(STAMP)
	$(BIN)/mkdocs build --strict --quiet
	@echo "build/docs/index.html"

# Finished stages are shared by the recipes, so that each video is cut into frames once. Reflection is made from runs of
# the agent, which draw beside the films' recipes: of so few steps that pictures have faults.
DATA ?= data
FILMS ?= 48
RUNS ?= 100
data: export OMP_NUM_THREADS ?= 1
data: $(STAMP)
	$(BIN)/omniagent data tasks --out $(DATA)/tasks.jsonl --count $(RUNS) --objects 3
	$(BIN)/omniagent batch $(DATA)/tasks.jsonl --out $(DATA)/runs --steps 2 --max-rounds 3 & runs=$$!; \
	trap 'kill $$runs 2>/dev/null' EXIT; $(BIN)/omniagent data films --out $(DATA)/films --count $(FILMS) --stills $(FILMS) && \
	for recipe in in-context in-context-edit video-edit interleave inpaint-edit; do \
	  $(BIN)/omniagent data build $$recipe --preset shapes --in $(DATA)/films --out $(DATA)/$$recipe \
	    --cache $(DATA)/cache $(ARGS) || exit; \
	done && wait $$runs
	$(BIN)/omniagent data build reflection --in $(DATA)/runs --out $(DATA)/reflection --cache $(DATA)/cache
	for recipe in in-context in-context-edit video-edit interleave inpaint-edit reflection; do \
	  $(BIN)/omniagent data check $(DATA)/$$recipe && $(BIN)/omniagent data show $(DATA)/$$recipe || exit; \
	done

train: $(STAMP)
	$(BIN)/omniagent train $$ARGS

eval: $(STAMP)
	$(BIN)/omniagent eval $${ARGS:-all}

histories: $(STAMP)
	$(BIN)/python -m omniagent.simulation.histories $(or $(N),10000)

bench: $(STAMP)
	@$(BIN)/python -m tests.bench $$ARGS

clean:
	rm -rf $(VENV) $(VLLM) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
