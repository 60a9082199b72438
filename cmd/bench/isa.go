package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"

	"fmtool/runtime/native/cpu"
)

// instructions is a set that a run may be held to, ours and the peers', so that a machine with more shows what one with less would do. All variables are read
// when a program starts.
type instructions struct {
	name string
	env  []string
}

// isas are the sets by flag. PyTorch reads three of the variables: for its own kernels and what torch.compile makes, for oneDNN and for MKL; OPENBLAS_CORETYPE
// serves NumPy and Debian's PyTorch. onnxruntime has no such switch and keeps what the processor has.
var isas = map[string]instructions{
	"avx2": {"AVX2", []string{cpu.Variable + "=avx2", "ATEN_CPU_CAPABILITY=avx2", "ONEDNN_MAX_CPU_ISA=AVX2", "MKL_ENABLE_INSTRUCTIONS=AVX2", "OPENBLAS_CORETYPE=Haswell"}},
}

// restartWith runs this program once more with the variables of an instruction set, and reports whether it did: they must be there from the start.
func restartWith(ctx context.Context, isa string) (done bool, err error) {
	set, ok := isas[isa]
	if !ok {
		return false, fmt.Errorf("-isa %s: want %s", isa, strings.Join(slices.Sorted(maps.Keys(isas)), " or "))
	}
	environ := os.Environ()
	if !slices.ContainsFunc(set.env, func(v string) bool { return !slices.Contains(environ, v) }) {
		return false, nil
	}
	self, err := os.Executable()
	if err != nil {
		return false, err
	}
	c := exec.CommandContext(ctx, self, os.Args[1:]...)
	c.Env = append(environ, set.env...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	err = c.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) { // it has said why
		os.Exit(exit.ExitCode())
	}
	return true, err
}

// heldTo is the sentence about the instruction set of a run, "" if it may use what the machine has.
func heldTo(isa string) string {
	if isa == "" {
		return ""
	}
	return fmt.Sprintf(" Ours and the peers are held to %s (%s); onnxruntime cannot be and uses what the processor has.",
		isas[isa].name, strings.Join(isas[isa].env, ", "))
}
