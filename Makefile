# make          the truth: format, vet, style, generated files, all tests
# make run      the main job: the suite against the reference merchant
# make test     all tests, with the race detector
SHELL := /bin/bash
BIN := bin/payquake
SCENARIO ?= suite
SEED ?= 1

.PHONY: all build run test check-format vet generate check-generated lint scenarios check repro report fuzz bench detection clean

all: check-format vet check-generated lint test

build:
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -o $(BIN) ./cmd/payquake

run: build
	./$(BIN) run $(SCENARIO) --seed $(SEED)

# The race detector needs a C compiler; without one the tests run without it,
# and say so. PAYQUAKE_REQUIRE_TOOLS=1 (set in CI) makes every missing tool an
# error instead. Whole runs come last and alone: they keep both time and machine
# busy.
test: build
	@./scripts/tools.sh
	@race=; if command -v $$(go env CC) >/dev/null; then race=-race; else echo "no C compiler: testing without the race detector"; fi; \
	export PAYQUAKE_PROGRAM=$(CURDIR)/$(BIN); \
	go test $$race -timeout 20m $$(go list ./... | grep -v -e /cmd/payquake$$ -e /examples) && \
	go test -timeout 10m -run '^TestRun_ACrowdLeavesNothing$$' ./harness && \
	go test $$race -timeout 20m -p 1 -parallel 4 ./cmd/payquake ./examples/...

check-format:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not gofmt-clean:"; echo "$$unformatted"; exit 1; fi

vet:
	go vet ./...

generate:
	go tool mockery --log-level=warn

# A stale mock fails.
check-generated: generate
	@if [ -n "$$(git status --porcelain -- '*/mocks/*')" ]; then echo "generated files were stale:"; git status --porcelain -- '*/mocks/*'; exit 1; fi

lint:
	@if command -v golangci-lint >/dev/null; then golangci-lint run; else echo "golangci-lint is not installed: only the tidy test checks the style"; fi

scenarios: build
	@for s in $$(./$(BIN) list scenarios --json | sed -n 's/.*"name": "\(.*\)".*/\1/p'); do ./$(BIN) plan $$s --merchant-database postgres://localhost/ >/dev/null || exit 1; echo "$$s compiles"; done

check: build
	./$(BIN) check $(RUN)

report: build
	./$(BIN) report $(RUN)

repro: build
	./$(BIN) repro $(RUN) $(FINDING)

FUZZTIME ?= 10s
fuzz:
	@./scripts/fuzz.sh $(FUZZTIME)

bench: build
	@go test -run '^$$' -bench . -benchtime 1s ./faults/proxy ./journal ./invariants ./providers/...
	@go run ./cmd/measure speed

SEEDS ?= 3
detection: build
	go run ./cmd/measure -seeds $(SEEDS) detection

clean:
	rm -rf bin payquake-results
