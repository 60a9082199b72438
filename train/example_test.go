package train_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"fmtool/train"
	"fmtool/train/data"
)

func Example() {
	root, _ := os.MkdirTemp("", "")
	defer os.RemoveAll(root)
	set, err := data.Load("moons:n=500", data.Options{Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	c := train.Default()
	c.Steps, c.Batch = 50, 64
	dir := filepath.Join(root, "run")
	if err := train.Run(context.Background(), c, set, dir, train.Options{}); err != nil {
		fmt.Println(err)
		return
	}
	m, facts, err := train.LoadRun(dir, false)
	fmt.Println(m.Spec.Dims, m.Spec.Condition.Kind, m.Parameters(), facts["io.fmtool.train.steps"], err)
	// Output: [2] labels 10882 50 <nil>
}
