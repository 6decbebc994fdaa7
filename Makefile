# Needs Go and make, nothing else; `make test` also needs the C compiler that
# Go's race detector links with, and `make interop` Python, Node and their
# package indexes.

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.9.0

# What `make interop` runs on, the clients it installs, and how much it streams.
PYTHON ?= python3
INTEROP = cmd/sesame/interop
STREAM ?= 64

# How long each fuzzer runs, how many random histories the long test plays, and
# the seed of the first: others each time, and the one that failed by its name.
FUZZTIME ?= 10s
RUNS ?= 5000
FROM ?= $(shell date +%s)

.PHONY: build cross test check fmt vet staticcheck vuln imports bench interop uploads golden fuzz soak demo tour

# Without what only debuggers read, which is a quarter of it: panics and profiles
# name functions and lines all the same.
build:
	go build -trimpath -ldflags='-s -w' -o bin/sesame ./cmd/sesame

# The commands of engineers run on their laptops. (GOOS=windows go vet ./... passes
# too; it takes too long for each change.)
cross:
	GOOS=windows CGO_ENABLED=0 go build -o /dev/null ./cmd/sesame
	GOOS=darwin CGO_ENABLED=0 go build -o /dev/null ./cmd/sesame

test:
	go test -race ./...

check: fmt vet staticcheck imports vuln

fmt:
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted by gofmt:"; echo "$$unformatted"; exit 1; fi

vet:
	go vet ./...

staticcheck:
	go run $(STATICCHECK) ./...

imports:
	go test ./cmd

# Where the program or its data cannot be fetched, the check says so and
# passes: an unreachable server is no reason to stop.
vuln:
	@if ! why=$$(go run $(GOVULNCHECK) -version 2>&1); then \
		echo "$$why" | tail -n 2; echo "govulncheck: cannot be fetched here, so vulnerabilities were not checked"; exit 0; \
	fi; \
	out=$$(go run $(GOVULNCHECK) ./... 2>&1); code=$$?; echo "$$out"; \
	case "$$code: $$out" in \
	0:*) ;; \
	*"fetching vulnerabilities"*|*"no such host"*|*"dial tcp"*) echo "govulncheck: its data cannot be fetched here, so vulnerabilities were not checked" ;; \
	*) exit 1 ;; \
	esac

bench:
	go test -run '^$$' -bench . -timeout 30m ./...

# Real clients, in the versions that the lock files have, through the proxy. They
# stay in bin/interop until the lock files change. STREAM is in MB.
interop: bin/interop/requirements.txt bin/interop/js/package-lock.json bin/interop/bin/session-manager-plugin build
	go run ./$(INTEROP) -stream $(STREAM)

# How long the same clients take to upload 100 MB, through the proxy and without it.
uploads: bin/interop/requirements.txt bin/interop/js/package-lock.json
	go run ./$(INTEROP) -only uploads

bin/interop/requirements.txt: $(INTEROP)/requirements.txt
	$(PYTHON) -m venv --clear bin/interop
	bin/interop/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	cp $< $@

# After Python's, which begins with an empty folder.
bin/interop/js/package-lock.json: $(INTEROP)/package-lock.json bin/interop/requirements.txt
	rm -rf bin/interop/js && mkdir -p bin/interop/js
	cp $(INTEROP)/package.json $(INTEROP)/package-lock.json bin/interop/js
	cd bin/interop/js && npm ci --silent --no-audit --no-fund --ignore-scripts || { rm -f package-lock.json; exit 1; }

# After Python's as well. The module has no Go file: its versions are what counts.
bin/interop/bin/session-manager-plugin: $(INTEROP)/plugin/go.mod $(INTEROP)/plugin/go.sum bin/interop/requirements.txt
	cd $(INTEROP)/plugin && go build -trimpath -o ../../../../$@ github.com/aws/session-manager-plugin/src/sessionmanagerplugin-main

# Rewrites every golden file; read the diff before it is committed.
golden:
	go test $$(grep -rlF --include='*_test.go' '"sesame/flows/golden"' . | xargs -n1 dirname | sort -u) -update

fuzz:
	@grep -rHoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed 's/:func /:/' | while IFS=: read -r file name; do \
		echo "$$name in $$(dirname $$file)"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$(dirname $$file) || exit 1; \
	done

soak:
	go test -race -timeout 0 -count 1 -run '^TestNothingLeftBehind$$' ./flows/keeper -from $(FROM) -runs $(RUNS)
	go test -race -timeout 0 -count 1 -run '^TestNothingLeftBehind$$' ./cmd/sesame/stories -from $(FROM) -runs $$(($(RUNS) / 10))

demo: build
	./bin/sesame demo

tour: build
	./bin/sesame demo --tour
