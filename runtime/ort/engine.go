//go:build cgo

package ort

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime/engine"
)

// Engine is an opened onnxruntime. The library is one for the whole process and stays open until its end.
type Engine struct {
	library Candidate
	version string
}

var (
	loading sync.Mutex
	loaded  *Engine
)

// New opens onnxruntime: the library at the explicit path, which must work, or the first usable one of Candidates. The process can hold one
// library; asking for another is an error. A host program that has initialised the binding itself keeps its own.
func New(explicit string) (*Engine, error) {
	loading.Lock()
	defer loading.Unlock()
	if loaded != nil {
		if explicit != "" && explicit != loaded.library.Path {
			return nil, fmt.Errorf("ort: this process already uses %s and cannot open %s beside it", loaded.library.Path, explicit)
		}
		return loaded, nil
	}
	if ort.IsInitialized() {
		loaded = &Engine{Candidate{Path: "(the host program's)", Source: "host"}, ort.GetVersion()}
		return loaded, nil
	}
	tried := Candidates(explicit)
	for i := range tried {
		if tried[i].Err = open(tried[i]); tried[i].Err == nil {
			loaded = &Engine{tried[i], ort.GetVersion()}
			return loaded, nil
		}
	}
	return nil, &NotFoundError{tried}
}

// open initialises the binding with one library. Telemetry is off before the library is opened and once more after.
func open(c Candidate) error {
	if err := c.look(); err != nil {
		return err
	}
	if err := os.Setenv("ORT_DISABLE_TELEMETRY", "1"); err != nil {
		return err
	}
	ort.SetSharedLibraryPath(c.Path)
	err := ort.InitializeEnvironment(ort.WithLogLevelFatal())
	switch {
	case err == nil:
		return ort.DisableTelemetry()
	case strings.Contains(err.Error(), "Error setting ORT API base"):
		return fmt.Errorf("too old, need onnxruntime ≥ %s", MinVersion)
	}
	return fmt.Errorf("%s", strings.ReplaceAll(err.Error(), "\n", " "))
}

// Version is the library's.
func (e *Engine) Version() string { return e.version }

// Library is where it was found.
func (e *Engine) Library() Candidate { return e.library }

// Open makes a session of the bytes of an ONNX file, which it holds against onnx.Default first: the library sees nothing that was not validated, and no
// other file. Float64 is refused: that is the native engine's.
func (e *Engine) Open(model []byte, o engine.Options) (engine.Program, error) {
	if o.Float64 {
		return nil, fmt.Errorf("ort: no float64 mode; the reference is the native engine's")
	}
	if _, err := onnx.Validate(model, onnx.Limits{}); err != nil {
		return nil, fmt.Errorf("ort: %w", err)
	}
	options, err := e.options(o)
	if err != nil {
		return nil, err
	}
	defer options.Destroy() //nolint:errcheck // it only frees
	in, out, err := ort.GetInputOutputInfoWithONNXData(model)
	if err != nil {
		return nil, fmt.Errorf("ort: %w", err)
	}
	p := &program{scalars: map[int]tensor.DType{}, cuda: o.Provider == "cuda", long: bytes.Contains(model, []byte("\x22\x04Loop")) || bytes.Contains(model, []byte("\x22\x04Scan"))}
	for _, i := range in {
		p.in = append(p.in, i.Name)
	}
	for k, i := range out {
		p.out = append(p.out, i.Name)
		if d := scalarType(i.DataType); len(i.Dimensions) == 0 && d != tensor.Invalid {
			p.scalars[k] = d
		}
	}
	if p.cuda {
		keepSignals()
		defer restoreSignals()
	}
	p.session, err = ort.NewDynamicAdvancedSessionWithONNXData(model, p.in, p.out, options)
	if err != nil {
		return nil, fmt.Errorf("ort: %w", err)
	}
	return p, nil
}

func (e *Engine) options(o engine.Options) (*ort.SessionOptions, error) {
	s, err := ort.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("ort: %w", err)
	}
	set := func(f func() error) {
		if err == nil {
			err = f()
		}
	}
	spin := "0"
	if o.Spin {
		spin = "1"
	}
	set(func() error { return s.SetIntraOpNumThreads(max(o.Threads, 1)) })
	set(func() error { return s.SetInterOpNumThreads(1) })
	set(func() error { return s.AddSessionConfigEntry("session.intra_op.allow_spinning", spin) })
	set(func() error { return s.SetLogSeverityLevel(ort.LoggingLevelFatal) })
	if o.AsIs {
		set(func() error { return s.SetGraphOptimizationLevel(ort.GraphOptimizationLevelDisableAll) })
	}
	if o.Profile != "" {
		set(func() error { return s.EnableProfiling(o.Profile) })
	}
	set(func() error { return e.provider(s, o) })
	if err != nil {
		_ = s.Destroy()
		return nil, fmt.Errorf("ort: %w", err)
	}
	return s, nil
}

// provider appends the execution provider asked for. CUDA that cannot be had is an error, never a silent fall-back.
func (e *Engine) provider(s *ort.SessionOptions, o engine.Options) error {
	switch o.Provider {
	case "", "cpu":
		return nil
	case "cuda":
	default:
		return fmt.Errorf("unknown provider %q (known: cpu, cuda)", o.Provider)
	}
	if e.library.Source != "host" && strings.ContainsRune(e.library.Path, os.PathSeparator) && !e.library.HasCUDA() {
		return fmt.Errorf("CUDA was asked for, but no CUDA provider lies beside %s; install onnxruntime-gpu and point --ort-lib at its library, or use --provider cpu", e.library.Path)
	}
	keepSignals()
	defer restoreSignals()
	cuda, err := ort.NewCUDAProviderOptions()
	if err != nil {
		return fmt.Errorf("CUDA was asked for and cannot be had: %w", err)
	}
	defer cuda.Destroy() //nolint:errcheck // it only frees
	settings := map[string]string{"device_id": strconv.Itoa(o.Device), "use_tf32": "0"}
	if o.TF32 {
		settings["use_tf32"] = "1"
	}
	if o.MemoryCap > 0 {
		settings["gpu_mem_limit"] = strconv.FormatInt(o.MemoryCap, 10)
	}
	if err := cuda.Update(settings); err != nil {
		return fmt.Errorf("CUDA options %v: %w", settings, err)
	}
	if err := s.AppendExecutionProviderCUDA(cuda); err != nil {
		return fmt.Errorf("CUDA was asked for and cannot be had; is there a GPU with driver, CUDA 12 and cuDNN 9 in the loader's path? %w", err)
	}
	return nil
}
