//go:build show

package train

import (
	"testing"

	"fmtool/models"
)

// The README's figure of a training step in Python beside the trainer's, on a network whose products are most of the work.
func TestShowFineTune(t *testing.T) { fineTune(t, &models.MLP{Width: 256, Depth: 4}, 256) }
