//go:build show

package train_test

import (
	"testing"

	"fmtool/models"
	"fmtool/train"
)

// The mean log-density of fresh points of the checkerboard is within 0.15 nats of the truth for a network of four layers of 128, after about a minute
// on one core.
func TestShowCheckerboard(t *testing.T) {
	c := train.Default()
	c.Model = train.Network{Architecture: &models.MLP{Width: 128, Depth: 4}}
	c.Steps, c.Batch, c.Rate.Peak, c.Checkpoint, c.Threads = 12000, 512, 3e-3, 12000, 1
	checkBoard(t, c, "checkerboard:n=100000", 0.15, 4000, 100)
}
