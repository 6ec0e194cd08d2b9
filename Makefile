# Sluice's commands. `make run` needs Python 3.11 or newer and make; everything else is installed here, below .venv*.
PORT ?= 8000
STAGE ?= dev
PYTHON ?=
ARGS ?=
REQUESTS ?= 1000000

PIP = .venv/bin/python -m pip --quiet --disable-pip-version-check install
ENGINE_PIP = .venv-engine/bin/python -m pip --quiet --disable-pip-version-check install
LOCAL = .venv/.installed-local
DEV = .venv/.installed-dev
ENGINE = .venv-engine/.installed
CHECKS_PIP = .venv-checks/bin/python -m pip --quiet --disable-pip-version-check install
CHECKS = .venv-checks/.installed
FUZZ = .venv/.installed-fuzz
LOADTEST_PIP = .venv-loadtest/bin/python -m pip --quiet --disable-pip-version-check install
LOADTEST = .venv-loadtest/.installed
BENCH_PIP = .venv-bench/bin/python -m pip --quiet --disable-pip-version-check install
BENCH = .venv-bench/.installed
COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header $(if $(UPGRADE),--upgrade)

# The first Python that runs, is new enough and has venv. Each candidate is run: a pyenv shim with no version behind it
# is on PATH but fails, and Debian leaves ensurepip out of its python3.
find_python = \
	found=; without_venv=; \
	for python in $(if $(PYTHON),"$(PYTHON)",python3 python3.14 python3.13 python3.12 python3.11 python); do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
		"$$python" -c 'import ensurepip, venv' >/dev/null 2>&1 && { found=$$python; break; }; \
		without_venv="$$without_venv $$python"; \
	done; \
	if [ -z "$$found" ] && [ -n "$$without_venv" ]; then \
		echo "sluice: found$$without_venv, but without the venv module; install it (Debian, Ubuntu: apt-get install python3-venv) and try again" >&2; exit 1; \
	elif [ -z "$$found" ]; then \
		echo "sluice: needs Python 3.11 or newer and found none; install one (https://www.python.org/downloads/) or name it: make $(or $(firstword $(MAKECMDGOALS)),run) PYTHON=/path/to/python3" >&2; exit 1; \
	fi

.PHONY: run test chaos check api-fuzz fuzz loadtest bench bench-pipeline image image-test soak rehearse rehearse-test deploy destroy format requirements install clean help
.DEFAULT_GOAL := help

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1	/' | expand -t 22

run: install ## run the whole pipeline on this machine (PORT=8000), until Ctrl-C
	@exec .venv/bin/sluice up --port="$(PORT)"

install: $(LOCAL) $(ENGINE)

test: $(DEV) $(ENGINE) $(CHECKS) $(LOADTEST) ## run every test (ARGS= goes to pytest)
	@.venv/bin/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

chaos: $(DEV) $(ENGINE) ## a mixed load while faults come and go at random (SEED=, else random; RECORDS=200000; minutes)
	@.venv/bin/python -m tests.chaos $(if $(SEED),--seed "$(SEED)") $(if $(RECORDS),--records "$(RECORDS)") $(ARGS)

check: $(DEV) $(CHECKS) ## formatting, lint, types, templates, SQL, Dockerfile, workflows
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/cfn-lint infra/cloudformation/*.yaml
	.venv-checks/bin/checkov --directory infra/cloudformation --framework cloudformation --skip-download --compact --quiet
	.venv/bin/sqlfluff lint --disable-progress-bar snowflake
	.venv-checks/bin/hadolint Dockerfile
	.venv-checks/bin/actionlint
	.venv-checks/bin/zizmor --offline --quiet --min-severity medium .github/workflows

api-fuzz: $(DEV) ## hold the running gateway against its OpenAPI document (REQUESTS=20000 SEED= PASSES=)
	@.venv/bin/python -m tests.api_fuzz --requests "$(or $(REQUESTS),20000)" $(if $(SEED),--seed "$(SEED)") $(if $(PASSES),--passes $(PASSES))

fuzz: $(DEV) $(FUZZ) ## feed the decoders and the judge mutated bodies (SECONDS=600 SEED= TARGETS= INPUT=file)
	@.venv/bin/python -m tests.fuzz --seconds "$(or $(SECONDS),600)" $(if $(SEED),--seed "$(SEED)") \
		$(if $(TARGETS),--targets $(TARGETS)) $(if $(INPUT),--input "$(INPUT)")
# SCENARIO HOST USERS RATE SECONDS WORKERS WEB=1 KEY; ARGS= takes limits (--max-p99-ms=…) and Locust's own options.
# KEY=… before `make` keeps the key out of the list of processes; after it, it is shown there.
loadtest: export SLUICE_LOADTEST_KEYS := $(or $(KEY),$(SLUICE_LOADTEST_KEYS))
loadtest: $(LOADTEST) ## load a gateway and judge it (SCENARIO=steady HOST=http://localhost:8000; docs/loadtest.md)
	@.venv-loadtest/bin/python -m loadtest --scenario="$(or $(SCENARIO),steady)" \
		--host="$(or $(HOST),http://localhost:8000)" $(if $(USERS),--users="$(USERS)") $(if $(RATE),--rate="$(RATE)") \
		$(if $(SECONDS),--seconds="$(SECONDS)") $(if $(WORKERS),--workers="$(WORKERS)") $(if $(WEB),--web) $(ARGS)

bench: $(DEV) $(BENCH) ## what a record costs here and in other gateways (Linux; 16 minutes, ARGS=--quick 3; docs/benchmarks.md)
	@.venv/bin/python -m benchmarks $(ARGS)

bench-pipeline: $(DEV) $(ENGINE) ## what the pipeline on this machine carries end to end (RATE=5000 SECONDS=60; ARGS=--console)
	@.venv/bin/python -m benchmarks.pipeline --rate="$(or $(RATE),5000)" --seconds="$(or $(SECONDS),60)" $(ARGS)

image: ## build the gateway's image with docker, podman or buildah (TAG=sluice:dev)
	@infra/image/build.sh "$(or $(TAG),sluice:dev)" $(ARGS)

image-test: $(DEV) ## build the image without Docker and run it as Lambda does (Debian, root)
	@.venv/bin/python -m pytest tests/image $(ARGS)

soak: $(DEV) ## send the gateway many requests and watch its memory (REQUESTS=1000000)
	@.venv/bin/python -m tests.soak --requests "$(REQUESTS)" $(ARGS)

rehearse: install ## deploy, deploy again and destroy a stage on this machine; no account needed
	@.venv/bin/python -m local_pipeline.rehearsal $(ARGS)

rehearse-test: $(DEV) $(ENGINE)
	@.venv/bin/python -m pytest tests/rehearsal $(ARGS)

deploy: $(LOCAL) ## deploy a stage to AWS and Snowflake (STAGE=dev; ARGS=--plan only shows it)
	@.venv/bin/sluice deploy --stage="$(STAGE)" $(ARGS)

destroy: $(LOCAL) ## remove a stage, asking about its data (STAGE=dev)
	@.venv/bin/sluice destroy --stage="$(STAGE)" $(ARGS)

format: $(DEV) ## format the Python files and fix what ruff can fix
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

requirements: ## compile requirements/*.txt again (needs uv; UPGRADE=1 takes newer versions)
	@command -v uv >/dev/null 2>&1 || { echo "sluice: make requirements needs uv on PATH (https://docs.astral.sh/uv/)" >&2; exit 1; }
	$(COMPILE) pyproject.toml -o requirements/gateway.txt
	$(COMPILE) pyproject.toml --extra local -c requirements/gateway.txt -o requirements/local.txt
	$(COMPILE) pyproject.toml --extra dev -c requirements/local.txt -o requirements/dev.txt
	$(COMPILE) requirements/engine.in -o requirements/engine.txt
	$(COMPILE) requirements/checks.in -o requirements/checks.txt
	$(COMPILE) requirements/fuzz.in -o requirements/fuzz.txt
	$(COMPILE) requirements/loadtest.in -o requirements/loadtest.txt
	$(COMPILE) requirements/bench.in -o requirements/bench.txt
	$(COMPILE) requirements/lambda-runtime.in -o requirements/lambda-runtime.txt

clean: ## remove the local pipeline's state (.sluice)
	@if [ -x .venv/bin/python ]; then .venv/bin/python -m local_pipeline.clean; else rm -rf .sluice; fi

# A link whose interpreter is gone counts as missing: the environment is made anew.
.venv/bin/python:
	@$(find_python); echo "Making .venv with $$found ($$("$$found" -V 2>&1))"; "$$found" -m venv --clear .venv || { rm -rf .venv; exit 1; }

.venv-engine/bin/python .venv-checks/bin/python .venv-loadtest/bin/python .venv-bench/bin/python:
	@$(find_python); "$$found" -m venv --clear $(patsubst %/bin/python,%,$@) || { rm -rf $(patsubst %/bin/python,%,$@); exit 1; }

$(LOCAL): requirements/local.txt pyproject.toml .venv/bin/python
	@echo "Installing the pipeline into .venv (once; a minute or two)"
	@$(PIP) --require-hashes -r requirements/local.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

# dev.txt holds everything in local.txt, at the same pins.
$(DEV): requirements/dev.txt requirements/local.txt pyproject.toml .venv/bin/python
	@echo "Installing the tests' and checks' tools into .venv (once; a minute or two)"
	@$(PIP) --require-hashes -r requirements/dev.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $(LOCAL) $@

# Beside the tests, not part of them: a fuzzing engine of 35 MB that is made for few platforms. The others do without.
$(FUZZ): requirements/fuzz.txt $(DEV)
	@echo "Installing the fuzzer's engine into .venv (once)"
	@$(PIP) --require-hashes -r requirements/fuzz.txt
	@touch $@

$(ENGINE): requirements/engine.txt .venv-engine/bin/python
	@echo "Installing the embedded AWS engine into .venv-engine (once)"
	@$(ENGINE_PIP) --require-hashes -r requirements/engine.txt
	@touch $@

$(CHECKS): requirements/checks.txt .venv-checks/bin/python
	@echo "Installing the checks' command-line tools into .venv-checks (once; a minute)"
	@$(CHECKS_PIP) --require-hashes -r requirements/checks.txt
	@touch $@

$(LOADTEST): requirements/loadtest.txt .venv-loadtest/bin/python
	@echo "Installing Locust into .venv-loadtest (once)"
	@$(LOADTEST_PIP) --require-hashes -r requirements/loadtest.txt
	@touch $@

$(BENCH): requirements/bench.txt .venv-bench/bin/python
	@echo "Installing what the gateway is measured against into .venv-bench (once; a minute)"
	@$(BENCH_PIP) --require-hashes -r requirements/bench.txt
	@touch $@
