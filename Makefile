# The two commands for a newcomer are `make demo` and `make test`. They need Go and gcc; the rest they fetch or build.

# mautrix wants the C library olm unless this tag selects its Go one. The commit is told below: asking git for it a second
# time would only fail where the checkout is another user's.
export GOFLAGS := $(strip $(shell go env GOFLAGS 2>/dev/null) -tags=goolm -buildvcs=false)

COMMIT    := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
TAG       := $(shell git describe --exact-match --tags 2>/dev/null || echo unknown)
BUILDTIME := $(shell git log -1 --format=%cI 2>/dev/null || echo unknown)
LDFLAGS   := -X main.Tag=$(TAG) -X main.Commit=$(COMMIT) -X main.BuildTime=$(BUILDTIME)

# The race detector watches everything that runs inside a test. The end-to-end tests drive other processes. Where a
# test runs whatsmeow's client it can't watch: the library has data races of its own, which would fail every run.
empty :=
space := $(empty) $(empty)
UNIT    = $$(go list ./... | grep -v '^crosschat/e2e\(/\|$$\)' | grep -vxE '$(subst $(space),|,$(UNRACED))')
UNRACED = crosschat/bridge crosschat/connector/whatsapp crosschat/simulator/whatsapp

.DEFAULT_GOAL := help
.PHONY: help demo build test test-unit test-e2e bench torture torture-short conformance conformance-dendrite lint clean prerequisites

help: ## list the targets
	@sed -nE 's/^([a-z0-9-]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: prerequisites ## try it: homeserver, simulated phones and bridge on this machine, Ctrl-C ends it
	@go run ./e2e/demo

build: prerequisites ## build the program as build/crosschat
	go build -trimpath -ldflags "$(LDFLAGS)" -o build/crosschat ./bridge

test: test-unit test-e2e ## run every test

test-unit: prerequisites ## run the tests that need no other process, with the race detector where that is possible
	go test -race -timeout 10m $(UNIT)
	go test -timeout 10m $(UNRACED)

test-e2e: prerequisites ## run the tests against real homeservers and the simulator
	@go build ./... # on all cores; the tests then run a package at a time, since they measure time
	go test -count=1 -p 1 -parallel 3 -timeout 40m -v ./e2e/... # -v, or what a passing test could not show stays unsaid

bench: prerequisites ## measure memory and time, and write docs/benchmarks.md; BENCH=text,large for a part
	@go run ./e2e/bench $(if $(BENCH),-run $(BENCH))

torture: prerequisites ## kill the bridge and take things away 290 times under traffic, and look for lost messages (half an hour)
	@go run ./e2e/torture $(TORTURE)

torture-short: prerequisites ## the same once for each thing that can go away, in under three minutes
	@go run ./e2e/torture -short $(TORTURE)

conformance: ## run the scenario suite and write docs/conformance.md
conformance-dendrite: export CROSSCHAT_HS = dendrite
conformance-dendrite: ## the same on the other homeserver, docs/conformance-dendrite.md
conformance conformance-dendrite: prerequisites
	@mkdir -p build && rm -f build/$@.jsonl
	@status=0; export CROSSCHAT_RESULTS="$(CURDIR)/build/$@.jsonl"; \
	go test -count=1 -timeout 30m ./e2e -run TestConformance -v || status=$$?; \
	go run ./e2e/report || status=$$?; \
	exit $$status

lint: prerequisites ## run the static checks: format, vet, staticcheck, import rules, scripts
	@bash .ci/checks

clean: ## remove what the targets above made in this folder
	rm -rf build

prerequisites:
	@command -v go >/dev/null || { echo "Go is missing: install Go 1.26 or newer, see https://go.dev/doc/install" >&2; exit 1; }
	@command -v gcc >/dev/null || { echo "gcc is missing (SQLite is C): as root, apt-get install gcc libc6-dev" >&2; exit 1; }
