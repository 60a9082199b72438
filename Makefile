# Two commands: `make demo` and `make test`. Both set up what they need, without root, below this folder and in the user's cache folder.
# Needed: Go, gcc, make and Python ≥ 3.10 with venv.

PYTHON  ?= python3
VENV    := .venv
PY      := $(VENV)/bin/python
FMTOOL  := bin/fmtool
ORT_NEW := 1.32.0
ORT_OLD := 1.24.4

export ORT_DISABLE_TELEMETRY = 1

.PHONY: demo test vet go-test purego-test no-cgo python-test test-matrix show bench lint fmt module-path clean ort

demo: $(FMTOOL) ort ## train on real data, export, verify, sample through onnxruntime, draw
	@sh cmd/fmtool/demo.sh $(FMTOOL) demo

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

go-test: $(VENV)/ready ort ort-old
	FMTOOL_PYTHON=$(abspath $(PY)) go test -timeout 20m ./...

purego-test:
	go test -tags purego ./runtime/native/... ./models/noise

no-cgo:
	CGO_ENABLED=0 go build ./...
	CGO_ENABLED=0 go test ./runtime/ort

python-test: $(VENV)/ready $(FMTOOL) ort
	FMTOOL=$(abspath $(FMTOOL)) $(PY) -m pytest -q -p no:cacheprovider export/python

lint:
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.5.0 run

fmt:
	gofmt -w .

clean:
	rm -rf bin demo $(VENV) .venv-*
