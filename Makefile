# One entry for everything. `make demo` needs nothing but Python 3.11+ with venv, and a package registry.
PYTHON ?= python3
BIN := .venv/bin
VERIDICAL := $(BIN)/veridical

# Weights that no package registry carries are taken from a mirror folder when one lies beside the project.
ifneq ($(wildcard ../shared/models),)
export VERIDICAL_MODELS_MIRROR ?= $(abspath ../shared/models)
endif
# One thread a process: the tests run one process a core, and timings are quoted for one thread.
export OMP_NUM_THREADS ?= 1

# An S3-style server for a test. Without its dependencies: with them, pip looks for hours for one set of
# versions that it and s3fs agree on, and what it shares with s3fs is there already.
S3_SERVER := moto boto3 s3transfer responses xmltodict flask flask-cors werkzeug itsdangerous blinker py-partiql-parser

.PHONY: help install models demo serve quick test check docs format evaluate bench peers clients soak test-engines kit sbom lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

install: .venv/.installed  ## make the environment

.venv/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "veridical needs Python 3.11 or later, this is %d.%d" % sys.version_info[:2])'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

models: .venv/.installed  ## pull the default models (about 330 MB once)
	$(VERIDICAL) models pull
	$(VERIDICAL) demo --prepare

demo: models  ## verify eleven sample transactions and write a report with pictures
	$(VERIDICAL) demo --out demo-report

serve: models  ## serve the API and its pages on loopback, without a key
	$(VERIDICAL) serve --dev

quick: .venv/.installed  ## the tests that need no model, in less than a minute of processor time
	$(BIN)/python -m pytest -q -m quick

test: models  ## run all tests; the last line says how long they took
	$(BIN)/python -m pytest -n 2 --dist worksteal -q

check: .venv/.installed  ## style, types, floors, generated docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python -m mypy --linecount-report .mypy-report
	$(BIN)/python tests/mypy_saw_all.py .mypy-report
	$(BIN)/basedpyright
	$(BIN)/python -m pytest -q tests/test_rooms.py tests/test_docs.py

docs: .venv/.installed  ## build the manual into site/; `python -m http.server -d site` shows it, search included
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

format:  ## let ruff mend style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

evaluate: models  ## every figure of docs/measurements/benchmarks.md that an index beside the project allows; resumable
	$(BIN)/python research/benchmarks/evaluate_all.py

bench: models  ## processor time by stage, cold and warm; then beside the libraries of `make peers`
	$(VERIDICAL) bench
	$(BIN)/python research/benchmarks/bench_chain.py

# The last two without dependencies: they name source packages of what stands above as wheels.
peers:  ## make the environment of the libraries that `make bench` compares with (Python 3.11 or 3.12)
	test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet mediapipe==0.10.21 rapidocr==3.10.0 onnxruntime dlib-bin \
		face-recognition-models==0.3.0 torch==2.13.0 librosa webrtcvad-wheels 'numpy<2' 'setuptools<81'
	.venv-peers/bin/python -m pip install --quiet --no-deps face-recognition==1.3.0 Resemblyzer==0.1.4

# Beside our own environment: the generator asks for an older typer.
clients:  ## make the environment that generates and runs clients from docs/openapi.json (Python, TypeScript)
	test -x .venv-clients/bin/python || $(PYTHON) -m venv .venv-clients
	.venv-clients/bin/python -m pip install --quiet --disable-pip-version-check openapi-python-client==0.29.1
	npm install --silent --no-audit --no-fund --prefix .venv-clients openapi-typescript@7.13.0 openapi-fetch@0.17.0 \
		typescript@5.9.3

soak: models  ## long hostile runs, resumable
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/soak

test-engines: models  ## build each optional engine and compare it with the default
	$(VERIDICAL) engines install mediapipe
	$(VERIDICAL) engines install paddleocr
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[ray,remote,parquet]'
	$(BIN)/python -m pip install --quiet --no-deps $(S3_SERVER)
	$(BIN)/python -m pytest -q tests/engines

kit:  ## install the wheel outside the repository and run it as a customer does
	PYTHON=$(PYTHON) deploy/kit.sh

sbom: .venv/.installed  ## write sbom.json (CycloneDX): every package and every network, with licences
	test -x .venv-sbom/bin/python || $(PYTHON) -m venv .venv-sbom
	.venv-sbom/bin/python -m pip install --quiet --disable-pip-version-check cyclonedx-bom
	.venv-sbom/bin/cyclonedx-py environment .venv --pyproject pyproject.toml --output-format JSON -o sbom.json
	$(BIN)/python deploy/add_models_to_sbom.py sbom.json

lock: .venv/.installed  ## write constraints.txt anew from what is installed
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,remote,parquet]'
	$(BIN)/python -m pip freeze --exclude-editable --exclude torch > constraints.txt

clean:
	rm -rf .venv demo-report site build dist *.egg-info
