package train_test

import (
	"testing"

	"fmtool/models"
	"fmtool/train"
)

// A budget is what one counts by hand on [N 2] → [N 16] → [N 16] → [N 2] with eight time features: for each hidden number the activations before and after
// SiLU and GELU, one of the two for the others, and x_t, the features and the difference from the target.
func TestBudgetByHand(t *testing.T) {
	const n = 32
	weights := 2*16 + 8*16 + 16*16 + 16*2
	phases := 1 * 4 // the product of times and frequencies
	parameters := weights + 16 + 16 + 2
	set := load(t, "moons:n=300")
	for name, hidden := range map[string]int{"silu": 4, "gelu": 4, "tanh": 2, "relu": 2, "selu": 2} {
		c := small()
		c.Unconditional = true
		c.Model.Architecture.(*models.MLP).Activation = name
		b, err := train.NewBudget(c, set)
		if err != nil {
			t.Fatal(err)
		}
		want := train.Memory{Weights: 4 * parameters, Gradients: 4 * parameters, Moments: 8 * parameters, Average: 4 * parameters,
			Activations: 4 * n * (hidden*16 + 2 + 8 + 2)}
		want.Paper = 20*parameters + want.Activations
		got := b.Memory
		if got.Plan < 16*parameters {
			t.Errorf("%s: the plan takes %d bytes, less than weights, moments and average", name, got.Plan)
		}
		got.Plan, got.Batches, got.Data = 0, 0, 0
		if got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		if want := float64(2 * n * (2*weights + 16*16 + 16*2 + phases)); b.FLOPs != want {
			t.Errorf("%s: %g FLOPs a step, want %g", name, b.FLOPs, want)
		}
		if b.Parameters != parameters || b.Rows != 270 || b.HeldOut != 30 || b.Dim != 2 {
			t.Errorf("%s: %d parameters, %d + %d rows of %d; want %d, 270 + 30 of 2", name, b.Parameters, b.Rows, b.HeldOut, b.Dim, parameters)
		}
	}
}

// Without an average there is none to hold, and the activations grow with the batch.
func TestBudgetFollowsSettings(t *testing.T) {
	set := load(t, "moons:n=300")
	c := small()
	one, err := train.NewBudget(c, set)
	if err != nil {
		t.Fatal(err)
	}
	c.EMA, c.Batch = 0, 2*c.Batch
	two, err := train.NewBudget(c, set)
	if err != nil {
		t.Fatal(err)
	}
	if two.Memory.Average != 0 || two.Memory.Activations != 2*one.Memory.Activations || two.Memory.Batches != 2*one.Memory.Batches {
		t.Errorf("%+v without an average and at twice the batch of %+v", two.Memory, one.Memory)
	}
}
