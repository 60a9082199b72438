package train

import (
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
			k, idle := 0, newBatch(t.model, config.Batch)
			for b.Loop() {
				t.feed.sampler.fill(idle, k)
				k++
			}
		})
		t.close()
	}
}
