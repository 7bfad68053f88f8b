# The front door. `make help` lists the targets; CONTRIBUTING.md says more.
# Variables: ARGS (passed on by run, run-broker, local, chaos, e2e and bench), SECONDS_EACH (fuzz), SIM_SECONDS and SEEDS (sim), JOBS.
SHELL := /bin/bash
.DEFAULT_GOAL := build
.PHONY: build run run-broker test unit local chaos e2e bench fuzz sim image manifests format format-check tidy clean help
.PHONY: deps-build deps-test deps-check deps-chaos deps-e2e

JOBS ?= $(shell nproc)
SECONDS_EACH ?= 60
SIM_SECONDS ?= 120
SEEDS ?= 200
SOURCES = git ls-files --cached --others --exclude-standard -- '*.h' '*.cc'

build: deps-build  ## builds everything into build/ (release preset); programs are in build/bin
	@[[ -e build/build.ninja ]] || cmake --preset release -Wno-dev
	@ninja -C build -j $(JOBS)

run: deps-build  ## runs what the YAML in ./dohle-local describes, at first manifests/samples/quickstart.yaml (ARGS="--plain")
	@[[ -e build/build.ninja ]] || cmake --preset release -Wno-dev
	@ninja -C build -j $(JOBS) dohle-operator dohle-broker
	@[[ -e dohle-local ]] || { mkdir dohle-local && cp manifests/samples/quickstart.yaml dohle-local/; }
	@exec build/bin/dohle-operator --local dohle-local $(ARGS)

run-broker: deps-build  ## starts a bare broker: localhost:9092, data in ./dohle-data, metrics on port 9404 (ARGS="server.properties")
	@[[ -e build/build.ninja ]] || cmake --preset release -Wno-dev
	@ninja -C build -j $(JOBS) dohle-broker
	@exec build/bin/dohle-broker $(ARGS)

test: deps-test unit  ## builds, runs the unit tests, then real clients and tools against the broker
	@tests/conformance/wire/run --broker dohle
	@tests/conformance/dashboards/run
	@tests/local/run
	@tests/interop/run --broker dohle

local: deps-test build  ## the operator without Kubernetes, as a user meets it (ARGS="--only topic_")
	@tests/local/run $(ARGS)

unit: build  ## builds and runs what ctest runs: unit tests, simulations, tests/tidy
	@ctest --test-dir build --output-on-failure -j $(JOBS)

chaos: deps-test deps-chaos build  ## real clusters in network namespaces: cuts, kills, full disks, wrong clocks; needs root (ARGS="--seed 7")
	@tests/interop/run --broker dohle --only chaos/ $(ARGS)

e2e: deps-e2e image  ## runs Dohle on a real Kubernetes that it brings up itself; needs root (ARGS="--keep", "--only topic_")
	@tests/e2e/run $(ARGS)

bench: deps-test build  ## measures Dohle beside Apache Kafka and a bare loop (ARGS="--quick", "--only produce-100")
	@tests/bench/run $(ARGS)

fuzz: deps-build deps-check  ## fuzzes every decoder for SECONDS_EACH=60 seconds each
	@tests/fuzz/run $(SECONDS_EACH)

sim: build  ## new seeds: clusters of 1, 3 and 5 for SIM_SECONDS=120, SEEDS=200 of the smaller simulations; a failure prints its seed
	@DOHLE_SIM_FIRST=$${DOHLE_SIM_FIRST:-$$(date +%s)} DOHLE_SIM_SECONDS=$(SIM_SECONDS) DOHLE_SIM_SEEDS=$(SEEDS) \
	  ctest --test-dir build --output-on-failure -L sim --no-tests=error

image: build  ## writes OCI images of the broker and of the operator to build/image/
	@for program in dohle-broker dohle-operator; do \
	  python3 packaging/image.py --program $$program --binary build/bin/$$program --output build/image/$$program.tar || exit 1; done

manifests: deps-e2e  ## writes what is copied or generated in charts/ and manifests/
	@PATH="$$(tests/e2e/kube/lab programs | tail -1):$$PATH" charts/generate

format: deps-check  ## formats every source with clang-format
	@$(SOURCES) | xargs -r clang-format-19 -i

format-check: deps-check  ## says which sources aren't formatted
	@$(SOURCES) | xargs -r clang-format-19 --dry-run -Werror

tidy: build deps-check  ## layers and style (tests/tidy), then clang-tidy over FILES (default: what differs from main)
	@tests/tidy/run
	@tests/tidy/clang_tidy $(FILES)

clean:  ## removes what was built; data stays
	@rm -rf build build-*

help:  ## lists the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 14

deps-build deps-test deps-check deps-chaos deps-e2e: deps-%:
	@cmake/install_dependencies.sh $*
