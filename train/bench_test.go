package train

import (
	"fmt"
	"slices"
	"testing"

	"fmtool/models"
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
			t.feed.settle()
			k, idle := 0, newBatch(t.model, t.lower, config.Batch)
			for b.Loop() {
				t.feed.slots[0].sampler.fill(idle, k)
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
				t.feed.settle()
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
