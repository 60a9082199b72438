package train

import (
	"fmt"
	"slices"
	"testing"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/train/data"
)

// BenchmarkStep takes training steps of batch 256 on the digits and reports what one step draws (Draws) apart from what it computes.
func BenchmarkStep(b *testing.B) {
	set, err := data.Digits()
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		width int
	}{{"H64", 64}, {"H256", 256}} {
		config := Default()
		config.Model = Network{&models.MLP{Width: c.width, Depth: 3}}
		config.Steps = 1 << 30
		t, err := newTrainer(config, set, b.TempDir(), Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := t.take(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*config.Batch)/b.Elapsed().Seconds(), "rows/s")
		})
		b.Run(c.name+"/Draws", func(b *testing.B) {
			k, idle := 0, newBatch(t.model, t.lower, config.Batch)
			for b.Loop() {
				t.feed.(*ahead).sampler.fill(idle, k)
				k++
			}
		})
		t.close()
	}
}

// BenchmarkCompute takes the computation of a training step of batch 256 alone, without drawing, for two-dimensional samples.
func BenchmarkCompute(b *testing.B) {
	set, err := data.Load("moons", data.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for _, threads := range []int{1, 2} {
		for _, width := range []int{64, 256, 512} {
			config := Default()
			config.Model = Network{&models.MLP{Width: width, Depth: 3}}
			config.Threads = threads
			t, err := newTrainer(config, set, b.TempDir(), Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("H%d/threads%d", width, threads), func(b *testing.B) {
				in := append(slices.Clone(t.feed.take(0)), t.in[len(t.in)-2:]...)
				for b.Loop() {
					if err := t.plan.Run(b.Context(), in, t.out); err != nil {
						b.Fatal(err)
					}
				}
				flops := 6. * 256 * float64(width*(2+32+2)+2*width*width)
				b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
			t.close()
		}
	}
}

// BenchmarkCoupledStep takes steps of 3×256 at batch 512 with each coupling in blocks of 64, which other goroutines pair ahead. It reports the share of the coupling: the
// time it takes there over the time of the steps.
func BenchmarkCoupledStep(b *testing.B) {
	set, err := data.Load("8gaussians", data.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for _, coupling := range flow.Couplings[:4] {
		config := Default()
		config.Model, config.Batch, config.Coupling, config.Steps = Network{&models.MLP{Width: 256, Depth: 3}}, 512, string(coupling), 1<<30
		config.OT.IgnoreCondition = coupling == flow.OT
		b.Run(string(coupling), func(b *testing.B) {
			t, err := newTrainer(config, set, b.TempDir(), Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer t.close()
			begun := t.feed.pairing()
			for b.Loop() {
				if err := t.take(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(100*float64(t.feed.pairing()-begun)/float64(b.Elapsed()), "%coupling")
		})
	}
}
