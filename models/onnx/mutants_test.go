package onnx_test

import (
	"math/rand/v2"
	"runtime/metrics"
	"testing"

	"fmtool/models/onnx"
)

// look is all that is done to a file before an engine sees it.
func look(b []byte) (taken bool) {
	m, err := onnx.Validate(b, onnx.Untrusted)
	if err != nil {
		return false
	}
	_ = m.Check()
	_, _ = m.Graph()
	return true
}

// mutant is a file with some bytes changed, cut off, repeated or moved.
func mutant(rng *rand.Rand, file []byte) []byte {
	b := append([]byte{}, file...)
	for range 1 + rng.IntN(4) {
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

// Changed and cut files are refused or read, without a panic, and with memory in proportion to their size.
func TestShowMutants(t *testing.T) {
	var seeds [][]byte
	eachModel(t, func(_ *testing.T, _ string, file []byte) {
		if len(file) < 20_000 {
			seeds = append(seeds, file)
		}
	})
	rng := rand.New(rand.NewPCG(3, 4))
	taken, worst := 0, 0.0
	for range mutants {
		b := mutant(rng, seeds[rng.IntN(len(seeds))])
		before := allocated()
		if look(b) {
			taken++
		}
		worst = max(worst, float64(allocated()-before))
	}
	t.Logf("%d mutants of %d models: %d taken, %d refused, 0 panics, at most %.1f MB allocated for one", mutants, len(seeds), taken, mutants-taken, worst/1e6)
	if worst > 64<<20 {
		t.Errorf("%.1f MB for a file below 40 kB", worst/1e6)
	}
	if taken == 0 || taken == mutants {
		t.Errorf("%d of %d taken: want some of both", taken, mutants)
	}
}

// No input panics the reader and the validator; what the validator takes, Check and Graph read or refuse.
func FuzzValidate(f *testing.F) {
	f.Add(sample(f))
	f.Add(plain(nil).Marshal())
	f.Add(plain(func(m *onnx.Model) { m.Functions = chain(3, 2) }).Marshal())
	f.Fuzz(func(_ *testing.T, b []byte) { look(b) })
}
