package onnx_test

import (
	"math/rand/v2"
	"runtime/metrics"
	"testing"

	"fmtool/export"
	"fmtool/models/onnx"
)

// look is all that is done to a file before an engine sees it: what is taken is checked, read, inspected and described in code; what is to be looked at only
// is inspected too.
func look(b []byte) (taken bool) {
	m, err := onnx.Validate(b, onnx.Untrusted)
	if err == nil {
		_ = m.Check()
		_, _ = m.Graph()
		inspect(m)
		return true
	}
	foreign := onnx.Untrusted
	foreign.Foreign, foreign.Outside = true, true
	if m, err = onnx.Validate(b, foreign); err == nil {
		inspect(m)
	}
	return false
}

// inspect is what fmtool inspect does.
func inspect(m *onnx.Model) {
	onnx.Inspect(m, map[string]int64{"batch": 3})
	man := export.ManualOf(m, "m.onnx")
	_ = man.Notes()
	_, _ = man.Python(nil)
	_, _ = man.Go(nil)
}

// mutant is a file with some bytes changed, cut off, repeated or moved.
func mutant(rng *rand.Rand, file []byte) []byte {
	b := append([]byte{}, file...)
	rounds := 1 << rng.IntN(3)
	for range 1 + rng.IntN(rounds) {
		if len(b) < 2 {
			return b
		}
		i, j := rng.IntN(len(b)), rng.IntN(len(b))
		switch rng.IntN(6) {
		case 0:
			b[i] ^= 1 << rng.IntN(8)
		case 1:
			b[i] = byte(rng.UintN(256))
		case 2:
			b = b[:i]
		case 3:
			b = append(b[:i:i], b[min(i, j):]...)
		case 4:
			b = append(b[:min(i, j):min(i, j)], b[max(i, j):]...)
		case 5:
			b[i] = 0xff
		}
	}
	return b
}

func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// Changed and cut files, of ONNX's models and of our own, are refused or read and inspected, without a panic, and with memory in proportion to their size.
func TestShowMutants(t *testing.T) {
	var others [][]byte
	eachModel(t, func(_ *testing.T, _ string, file []byte) {
		if len(file) < 20_000 {
			others = append(others, file)
		}
	})
	for name, seeds := range map[string][][]byte{"models of ONNX": others, "exports": exports(t)} {
		rng := rand.New(rand.NewPCG(3, 4))
		taken, worst := 0, 0.0
		for range mutants / 2 {
			b := mutant(rng, seeds[rng.IntN(len(seeds))])
			before := allocated()
			if look(b) {
				taken++
			}
			worst = max(worst, float64(allocated()-before))
		}
		t.Logf("%d mutants of %d %s: %d taken, %d refused, 0 panics, at most %.1f MB allocated for one", mutants/2, len(seeds), name, taken, mutants/2-taken, worst/1e6)
		if worst > 64<<20 {
			t.Errorf("%.1f MB for a file below 80 kB", worst/1e6)
		}
		if taken == 0 || taken == mutants/2 {
			t.Errorf("%d of %d taken: want some of both", taken, mutants/2)
		}
	}
}

// All of ONNX's own models are inspected, with code where numpy and Go have their types.
func TestInspectAll(t *testing.T) {
	python, golang := 0, 0
	count := eachModel(t, func(t *testing.T, name string, file []byte) {
		m, err := onnx.Validate(file, onnx.Limits{Foreign: true})
		if err != nil {
			t.Fatal(err)
		}
		before := allocated()
		onnx.Inspect(m, nil)
		if got := allocated() - before; got > 64<<20+4*uint64(len(file)) {
			t.Errorf("%s: %d bytes allocated for a file of %d", name, got, len(file))
		}
		man := export.ManualOf(m, name)
		if _, err := man.Python(nil); err == nil {
			python++
		}
		if _, err := man.Go(nil); err == nil {
			golang++
		}
	})
	if python < count*9/10 || golang < count*8/10 {
		t.Errorf("of %d models %d have code in Python and %d in Go", count, python, golang)
	}
	t.Logf("%d models, %d with code in Python, %d in Go", count, python, golang)
}

// No input panics the reader and the validator; what the validator takes, Check, Graph and Inspect read or refuse.
func FuzzValidate(f *testing.F) {
	f.Add(sample(f))
	f.Add(plain(nil).Marshal())
	f.Add(plain(func(m *onnx.Model) { m.Functions = chain(3, 2) }).Marshal())
	for _, file := range exports(f) {
		f.Add(file)
	}
	f.Fuzz(func(_ *testing.T, b []byte) { look(b) })
}
