# The only commands a person needs. `make` alone lists them.

CARGO ?= cargo
# How many histories `make sim` plays, and from which seed on.
SEEDS ?= 2000
FIRST ?= 1
# How often `make chaos` kills the controller.
KILLS ?= 200
# How many requests `make schemathesis` makes at random to each route.
EXAMPLES ?= 100
# How long `make fuzz` lets each parser be fuzzed.
SECONDS ?= 60
# How long `make chaos` lets the network fail.
FOUL_SECONDS ?= 60
# How many records `make chaos` has entered while it kills who enters them.
RECORDS ?= 100
# How many texts `make typing` types.
RUNS ?= 1000

.DEFAULT_GOAL := help
.PHONY: help demo test check fmt clippy deny tidy sim chaos schemathesis fuzz bench typing windows

help: ## list the targets
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

demo: ## three desktops, a controller, three agents, 30 jobs: the whole thing, within two minutes after the build
	@assets/install-needs.sh build desktop
	$(CARGO) build --release --locked
	assets/demo/run.sh

test: ## every test
	@assets/install-needs.sh build desktop schemathesis
	$(CARGO) test --locked --features mutants

check: fmt clippy deny tidy ## formatting, lints, dependencies, and the rules of the house

fmt: ## formatting only
	$(CARGO) fmt --check

clippy: ## lints only
	@assets/install-needs.sh build
	$(CARGO) clippy --locked --all-targets -- -D warnings

deny: ## licences, bans, sources and advisories of the dependencies only
	@assets/install-needs.sh build deny
	assets/deny.sh

tidy: ## imports, sizes, words, documents in step with code only
	$(CARGO) test --locked --test tidy

bench: ## what it costs: lifecycles through the engine, the whole product beside an fsync probe of the same run, finding a picture beside OpenCV
	@assets/install-needs.sh build desktop opencv
	$(CARGO) build --release --locked
	$(CARGO) bench --locked --bench '*'

sim: ## the whole in virtual time, with everything that can fail failing; SEEDS=n histories, from FIRST=m on
	@assets/install-needs.sh build
	SEEDS=$(SEEDS) FIRST=$(FIRST) $(CARGO) test --locked --profile sim --features mutants --test sim -- --nocapture

chaos: ## real processes killed, frozen, cut off and starved of disk under load; KILLS=n, SEED=n to play a run's dice again
	@assets/install-needs.sh build desktop
	KILLS=$(KILLS) FOUL_SECONDS=$(FOUL_SECONDS) RECORDS=$(RECORDS) $(CARGO) test --locked --test chaos -- --nocapture --test-threads 1

schemathesis: ## the running controller held against its own description; EXAMPLES=n for more or fewer requests
	@assets/install-needs.sh build desktop schemathesis
	EXAMPLES=$(EXAMPLES) $(CARGO) test --locked --test described -- --nocapture

fuzz: ## coverage-guided fuzzing of the parsers of documents, templates, requests and wire types; SECONDS=n for each
	@assets/install-needs.sh build fuzz
	SECONDS_EACH=$(SECONDS) tests/fuzz/run.sh

typing: ## texts typed into a real editor by every way there is: foreign, on other layouts, with CapsLock, into a stopped application; RUNS=n
	@assets/install-needs.sh build desktop
	RUNS=$(RUNS) $(CARGO) test --locked --test desktop typing:: -- --nocapture

windows: ## the Windows agent: built on Debian, linted, and run under Wine on real programs, the main job included
	@assets/install-needs.sh build
	tests/windows/run.sh
