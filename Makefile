# Two commands: `make demo` and `make test`. Both set up what they need, without root, below this folder and in the user's cache folder.
# Needed: Go, gcc, make and Python ≥ 3.10 with venv.

PYTHON  ?= python3
VENV    := .venv
PY      := $(VENV)/bin/python
FMTOOL  := bin/fmtool
ORT_NEW := 1.32.0
ORT_OLD := 1.24.4

QEMU    ?= qemu-aarch64

export ORT_DISABLE_TELEMETRY = 1

.PHONY: demo test vet go-test purego-test no-cgo python-test test-matrix test-web show lint fmt module-path clean ort ort-old ort-new bench bench-peers bench-peers-debian bench-record bench-avx2 test-arm64 FORCE

demo: $(FMTOOL) ort ## train on real data, export, verify, sample through onnxruntime, draw
	rm -rf demo && mkdir demo
	$(FMTOOL) train digits -o demo/digits
	$(FMTOOL) export demo/digits.onnx --run demo/digits
	$(FMTOOL) verify demo/digits.onnx
	$(FMTOOL) sample demo/digits.onnx --per-class 10 -o demo/digits.png
	$(FMTOOL) train testdata/earthquakes.csv --columns longitude,latitude -o demo/earthquakes --width 128 --depth 4 --inject --rate 0.002 --steps 12000
	$(FMTOOL) export demo/earthquakes.onnx --run demo/earthquakes
	$(FMTOOL) verify demo/earthquakes.onnx
	$(FMTOOL) sample demo/earthquakes.onnx -n 1707 --beside testdata/earthquakes.csv -o demo/earthquakes.png
	@echo "look at demo/digits.png and demo/earthquakes.png"

show: ## the README's figures, on the models of make demo; minutes
	go test -tags show -count 1 -timeout 60m -run Show -v ./models/onnx ./train ./cmd/fmtool

test: vet go-test purego-test no-cgo python-test ## every test

$(FMTOOL): FORCE
	go build -o $@ ./cmd/fmtool
FORCE:

ort: $(FMTOOL) ## the pinned onnxruntime library, into the user's cache folder
	@$(FMTOOL) ort install --python $(PYTHON)

ort-old: $(FMTOOL)
	@$(FMTOOL) ort install --python $(PYTHON) --version $(ORT_OLD)

$(VENV)/ready: export/python/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r export/python/requirements.txt
	touch $@

vet:
	@test -z "$$(gofmt -l .)" || { echo "not gofmt-ed:"; gofmt -l .; exit 1; }
	go vet ./... ./testdata

go-test: $(VENV)/ready ort ort-old ort-new
	go test -timeout 20m ./...

purego-test:
	go test -tags purego ./runtime/native/... ./models/noise
	go test -tags purego -run 'LossTrajectory|DoesNotDependOnThreads' ./train

test-arm64: ## kernels, noise, native engine and the losses on record, built for arm64 and run by qemu-user; minutes
	@command -v $(QEMU) >/dev/null || { echo "make test-arm64 needs $(QEMU), Debian's package qemu-user; or set QEMU"; exit 1; }
	GOARCH=arm64 CGO_ENABLED=0 go test -timeout 60m -exec $(QEMU) ./models/noise ./runtime/native/...
	GOARCH=arm64 CGO_ENABLED=0 go test -timeout 60m -exec $(QEMU) -tags purego ./runtime/native/kernel
	GOARCH=arm64 CGO_ENABLED=0 go test -timeout 60m -exec $(QEMU) -run LossTrajectory ./train

no-cgo:
	CGO_ENABLED=0 go build ./...
	CGO_ENABLED=0 go test ./runtime/ort

RUNTIMES := 1.17.3 1.20.1 1.24.4 1.27.0 1.32.0

test-matrix: $(FMTOOL) ort ## Python consumers on several releases of onnxruntime, a virtual environment each; Python 3.11, or 3.9 for those before 1.17: make test-matrix RUNTIMES=1.12.1 PYTHON=python3.9
	@set -e; for v in $(RUNTIMES); do \
		$(PYTHON) -m venv .venv-$$v; \
		case $$v in 1.1[2-7].*) numpy='numpy<2' ;; *) numpy=numpy ;; esac; \
		.venv-$$v/bin/python -m pip install --quiet --disable-pip-version-check onnxruntime==$$v "$$numpy" onnx==1.17.0 pytest; \
		echo "onnxruntime $$v"; \
		FMTOOL=$(abspath $(FMTOOL)) .venv-$$v/bin/python -m pytest -q -p no:cacheprovider export/python; \
	done

test-web: $(FMTOOL) ort ## the graphs that sample on onnxruntime-web, WebAssembly; Node.js and npm
	cd export/web && npm install --ignore-scripts --no-package-lock --no-audit --no-fund --silent
	cd export/web && FMTOOL=$(abspath $(FMTOOL)) node --test

ort-new: $(FMTOOL)
	@$(FMTOOL) ort install --python $(PYTHON) --version $(ORT_NEW)

python-test: $(VENV)/ready $(FMTOOL) ort
	FMTOOL=$(abspath $(FMTOOL)) $(PY) -m pytest -q -p no:cacheprovider export/python

PEERS     ?= .venv-peers
PEERS_OLD ?= .venv-torch1.13
BENCH     ?=

bench: $(FMTOOL) ort ## ours beside the peers that are installed, minutes: bench.json and bench.md; BENCH='-run step' for a part
	go run ./cmd/bench -python $(PEERS)/bin/python -old-python $(PEERS_OLD)/python $(BENCH)

bench-avx2: $(FMTOOL) ## training steps with AVX2 on both sides, whatever the machine has: bench.avx2.json
	go run ./cmd/bench -python $(PEERS)/bin/python -old-python $(PEERS_OLD)/python -isa avx2 -run step -o bench.avx2.json -table bench.avx2.md $(BENCH)

bench-record: ## make the last make bench the record, and write it into the README
	cp bench.json testdata/bench.json
	rm -f testdata/bench.avx2.json
	test ! -e bench.avx2.json || cp bench.avx2.json testdata/bench.avx2.json
	go run ./cmd/bench -readme

bench-peers: ## PyTorch, onnxruntime and NumPy from PyPI, 6 GB
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -r testdata/peers/requirements.txt

bench-peers-debian: ## Debian 12's PyTorch 1.13, without root
	testdata/peers/debian_torch.sh $(PEERS_OLD)

lint:
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.5.0 run

fmt:
	gofmt -w .

module-path: ## rewrite the module path: make module-path PATH_TO=example.com/you/fmtool
	@test -n "$(PATH_TO)" || { echo "usage: make module-path PATH_TO=example.com/you/fmtool"; exit 1; }
	go mod edit -module $(PATH_TO)
	grep -rl '"fmtool/' --include='*.go' . | xargs sed -i 's#"fmtool/#"$(PATH_TO)/#'

clean:
	rm -rf bin demo $(VENV) .venv-* export/web/node_modules
