# What a developer does with this project. `make` alone says what there is.

GO      ?= go
TOOL    := $(GO) tool -modfile=.tools/go.mod
# Programs that have a module of their own, for what the server does not need.
MODULES := docs/examples/mcp-go integration/testdata/mcp-go
# How long each fuzz target runs, and which benchmarks run for how long.
FUZZTIME  ?= 30s
BENCH     ?= .
BENCHTIME ?= 5s
# What the race detector does not watch: SQLite, which is C made into Go and locks as C
# does, and the hashing of passwords. Watched, they take about a fifth of the tests' CPU.
UNWATCHED := modernc.org/sqlite/lib modernc.org/libc golang.org/x/crypto/argon2
RACE      := -race $(foreach package,$(UNWATCHED),-gcflags=$(package)=-race=false)

.DEFAULT_GOAL := help

.PHONY: help
help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## run the server as it is, on SQLite, with demo credentials
	$(GO) run ./cmd/kiket-auth serve

.PHONY: build
build: ## build the static binary ./kiket-auth
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o kiket-auth ./cmd/kiket-auth

.PHONY: test
test: ## run all tests, with the race detector and in random order
	$(TOOL) gotestsum --format=pkgname -- $(RACE) -shuffle=on -timeout=30m ./...

.PHONY: bench
bench: ## run the benchmarks: BENCH=regexp BENCHTIME=5s
	$(GO) test ./integration -run='^$$' -bench='$(BENCH)' -benchtime=$(BENCHTIME) -timeout=60m

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME=30s
	@set -e; for file in $$(grep -rl --include='*_test.go' '^func Fuzz' .); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$file); do \
			echo "== $$(dirname $$file) $$target"; \
			$(GO) test $$(dirname $$file) -run='^$$' -fuzz="^$$target\$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=10x; \
		done; \
	done

.PHONY: generate
generate: ## rewrite what is made from code: the example configuration and its table
	$(GO) test ./config -count=1 -run=FollowsTheTable -update

.PHONY: screenshots
screenshots: ## take the pictures of docs/screenshots again
	$(GO) test ./integration -count=1 -run='InBrowser$$' -update

.PHONY: format
format: ## let gofumpt rewrite what it would change
	$(TOOL) gofumpt -w .

.PHONY: check
check: check-format check-vet check-lint check-exhaustive check-dead check-modules check-layers check-generated check-vulnerable ## run all checks below
	@echo "check: done"

.PHONY: check-format
check-format: ## gofumpt would change nothing
	@status=0; changed=$$($(TOOL) gofumpt -d .) || status=$$?; \
	if [ -n "$$changed$${status#0}" ]; then printf '%s\n' "$$changed" "check-format: run make format"; exit 1; fi

.PHONY: check-vet
check-vet: ## go vet
	$(GO) vet ./...
	set -e; for module in $(MODULES); do $(GO) -C $$module vet ./...; done

.PHONY: check-lint
check-lint: ## staticcheck, all its checks
	$(TOOL) staticcheck -checks=all ./...

.PHONY: check-exhaustive
check-exhaustive: ## every switch over a set of constants has them all, or a default
	$(TOOL) exhaustive -d ./...

.PHONY: check-dead
check-dead: ## nothing is unreachable from the program and its tests
	@dead=$$($(TOOL) deadcode -test ./...) || exit 1; \
	if [ -n "$$dead" ]; then printf '%s\n' "$$dead"; exit 1; fi

.PHONY: check-modules
check-modules: ## go.mod and go.sum are tidy
	$(GO) mod tidy -diff
	set -e; for module in .tools $(MODULES); do $(GO) -C $$module mod tidy -diff; done

.PHONY: check-layers
check-layers: ## imports run one way
	@# That file alone, since the rest of its package wants a database.
	$(GO) test -count=1 ./integration/layers_test.go

.PHONY: check-generated
check-generated: ## the example configuration and its table are up to date
	$(GO) test ./config -count=1 -run='FollowsTheTable|ExampleFile'

.PHONY: check-vulnerable
check-vulnerable: ## no known vulnerability can be reached, if its database can
	@.ci/vulnerable $(TOOL) govulncheck ./...
