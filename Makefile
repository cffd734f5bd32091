# The commands of this repository. Each sets up what it needs; `make install` says how.
.PHONY: install serve test check bench loadtest soak fuzz train orders report clean

BIN := .venv/bin
# All but what no schema is published for: kustomize's own files, Prometheus Operator's, a Helm chart's values.
MANIFESTS := $(filter-out %/kustomization.yaml %/servicemonitors.yaml %/prometheus-adapter.yaml, \
	$(wildcard deploy/kubernetes/*/*.yaml deploy/kubernetes/*/*/*.yaml))
MODEL ?= models/ola-demo
ARGS ?=

install: .venv/.installed

.venv/.installed: pyproject.toml deploy/install.sh tests/conformance/js/package-lock.json
	@bash deploy/install.sh

# Serve the demo model on 127.0.0.1:8000, or MODEL=<folder or hub id> ARGS="<options of ola serve>".
serve: install
	@$(BIN)/ola serve --model $(MODEL) $(ARGS)

# One thread a process: the tests start engines beside themselves, and two threads on a busy core are slower than one.
test: install
	@OMP_NUM_THREADS=1 PYTHON=$(BIN)/python bash tests/halves.sh $(ARGS)

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml $(wildcard deploy/compose*.yml)
	$(BIN)/kubernetes-validate --strict --quiet $(MANIFESTS)

# Tables from one run on this machine: speech against its targets (alone: ARGS="--only speech"), and ratios against stock
# vLLM and plain PyTorch.
bench: install
	OMP_NUM_THREADS=1 $(BIN)/python -m loadtests.bench $(ARGS)

# Two minutes of users who chat and talk, two of them at first and eight at the end, with a server of the demo model, or with
# the one at HOST=http://name:port; ARGS="--web" for Locust's page. The report goes to build/loadtest (docs/benchmarks.md).
loadtest: install
	OMP_NUM_THREADS=1 $(BIN)/python -m loadtests.loadtest $(if $(HOST),--host $(HOST)) $(ARGS)

# An hour of six users, and whether the server holds more and more: ARGS="--phases 600x4" for ten minutes of four.
soak: install
	OMP_NUM_THREADS=1 $(BIN)/python -m loadtests.loadtest --soak --into build/soak $(if $(HOST),--host $(HOST)) $(ARGS)

# Thousands of damaged files of every format through the decoders: what they cost at worst.
fuzz: install
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.media.fuzz $(ARGS)

# The demo model from seeds: hours on two cores, fewer with a GPU. Goes on where it was stopped; state is in build/train.
train: install
	$(BIN)/python -m training.train $(ARGS)

# Three orders of learning the modalities, compared (half an hour), with the demo checkpoint: training/orders.png and .json.
orders: install
	$(BIN)/python -m training.orders $(ARGS)

# How well the served demo model (make serve, beside this) answers what its training never saw: training/report.md.
report: install
	OMP_NUM_THREADS=1 $(BIN)/python -m training.report $(ARGS)

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache *.egg-info
