package train

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	goruntime "runtime"

	"go.yaml.in/yaml/v3"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/train/optim"
)

// Config is a training run, the file config.yaml. Default gives every setting a good value; a file need name only what it changes.
type Config struct {
	Data    string   `yaml:"data,omitempty"`    // the source, for the record and for resuming: see data.Load
	Columns []string `yaml:"columns,omitempty"` // of a CSV; nil: all
	Label   string   `yaml:"label,omitempty"`   // column of a CSV
	// Condition are columns of a CSV that the model is conditioned on; they go in as they are.
	Condition []string `yaml:"condition,omitempty"`
	Source    string   `yaml:"source,omitempty"` // data set that x0 is drawn from, as Data; "": noise N(0, I)
	Pairs     string   `yaml:"pairs,omitempty"`  // data set whose row i is the x0 of row i of Data; "": none

	Coupling string    `yaml:"coupling"` // of x0 with x1: a name of flow.Couplings; "": pairs where they are given, else independent
	OT       Transport `yaml:"ot"`       // settings of the couplings
	Sigma    float64   `yaml:"sigma"`    // path noise: the network sees x_t + sigma·ε, ε ~ N(0, I), with the target unchanged; 0: none
	Reflow   Reflow    `yaml:"reflow"`   // learn the pairs of a model instead of data

	Seed          uint64  `yaml:"seed"`
	Steps         int     `yaml:"steps"`
	Batch         int     `yaml:"batch"`         // rows a step
	Model         Network `yaml:"model"`         // the architecture
	Schedule      string  `yaml:"schedule"`      // a name of flow.ParseSchedule
	Prediction    string  `yaml:"prediction"`    // what the network gives: velocity, x1, noise, score
	LossIn        string  `yaml:"loss-in"`       // what the loss is measured in, exactly weighted; "": the prediction, for score the noise
	Loss          string  `yaml:"loss"`          // squared, pseudo-huber:C: see Loss
	Weight        string  `yaml:"weight"`        // of the loss in time: a name of flow.ParseWeight
	Times         string  `yaml:"times"`         // distribution of training times: a name of flow.ParseTimes; the loss is not divided by it
	Grid          string  `yaml:"grid"`          // steps of samplers that are not told otherwise: a name of flow.ParseGrid
	Normaliser    string  `yaml:"normaliser"`    // "column", "global", "none"; "": global for images, column otherwise
	Unconditional bool    `yaml:"unconditional"` // leave labels out of the model
	Drop          float64 `yaml:"drop"`          // probability that a row's label is replaced by the null class
	// ColumnWeights multiply squared errors in model space, where columns have deviation 1: by column name, or number from 0 where columns have none;
	// 1 if left out.
	ColumnWeights map[string]float64 `yaml:"column-weights,omitempty"`
	AdamW         optim.AdamW        `yaml:"adamw"`
	Rate          optim.Rate         `yaml:"rate"`
	Clip          float64            `yaml:"clip"`     // bound of the gradient's global norm, 0: none
	EMA           float64            `yaml:"ema"`      // decay of the average of the weights, 0: none
	HeldOut       float64            `yaml:"held-out"` // fraction of the rows kept from training for the held-out loss, 0: none

	Log        int `yaml:"log"`        // steps between lines of log.jsonl
	Evaluate   int `yaml:"evaluate"`   // steps between held-out losses
	Checkpoint int `yaml:"checkpoint"` // steps between checkpoints
	Threads    int `yaml:"threads"`    // 0: all processors; changes no result
	// Shards is the number of parts of a batch whose gradients are added up apart, and then in order: it rounds, threads do not, and no more threads than
	// shards share that work. 0: one for each 128 rows, up to 8; config.yaml has the number.
	Shards int `yaml:"shards"`
}

// Default is a run that suits small data sets. The sizes of the network are left to the data: models.MLP.
func Default() Config {
	return Config{
		Steps: 4000, Batch: 256, Model: Network{&models.MLP{}}, Schedule: "linear", Drop: 0.1,
		Prediction: "velocity", Loss: "squared", Weight: "none", Times: "uniform", Grid: "uniform", OT: defaultTransport, Reflow: defaultReflow,
		AdamW: optim.Default, Rate: optim.Rate{Kind: "cosine", Peak: 2e-3, Warmup: 100}, Clip: 10, EMA: 0.999, HeldOut: 0.1,
		Log: 100, Evaluate: 500, Checkpoint: 500,
	}
}

// Network is an architecture with its kind as a key, as in {kind: mlp, width: 64}.
type Network struct{ models.Architecture }

// UnmarshalYAML reads the kind, then that kind's settings.
func (n *Network) UnmarshalYAML(node *yaml.Node) error {
	var k struct {
		Kind string `yaml:"kind"`
	}
	if err := node.Decode(&k); err != nil {
		return err
	}
	if k.Kind == "" && n.Architecture != nil {
		k.Kind = n.Architecture.Kind()
	}
	if n.Architecture == nil || k.Kind != n.Architecture.Kind() {
		a, err := models.NewArchitecture(k.Kind)
		if err != nil {
			return fmt.Errorf("line %d: %w", node.Line, err)
		}
		n.Architecture = a
	}
	if err := known(node, n.Architecture, "kind"); err != nil {
		return err
	}
	return node.Decode(n.Architecture)
}

// MarshalYAML writes the kind first.
func (n Network) MarshalYAML() (any, error) {
	var node yaml.Node
	if err := node.Encode(n.Architecture); err != nil {
		return nil, err
	}
	var kind yaml.Node
	if err := kind.Encode(map[string]string{"kind": n.Kind()}); err != nil {
		return nil, err
	}
	node.Content = append(kind.Content, node.Content...)
	return &node, nil
}

// ParseConfig reads YAML over the settings in c. Unknown keys are errors that say the line and the nearest key.
func ParseConfig(c Config, text []byte) (Config, error) {
	var node yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	err := d.Decode(&node)
	if errors.Is(err, io.EOF) {
		return c, nil
	}
	if err == nil {
		if c.Model.Architecture != nil { // decode into a copy: the caller's settings stay
			c.Model, err = c.Model.clone()
		}
	}
	if err == nil {
		err = known(node.Content[0], &c)
	}
	if err == nil {
		err = node.Decode(&c)
	}
	if err == nil && d.Decode(new(yaml.Node)) != io.EOF {
		err = errors.New("more than one YAML document")
	}
	if err != nil {
		return Config{}, fmt.Errorf("train: config: %w", err)
	}
	return c, nil
}

// clone copies the architecture's settings.
func (n Network) clone() (Network, error) {
	text, err := yaml.Marshal(n)
	if err != nil {
		return Network{}, err
	}
	var c Network
	err = yaml.Unmarshal(text, &c)
	return c, err
}

// YAML is the configuration as ParseConfig reads it, every setting written out.
func (c Config) YAML() ([]byte, error) { return yaml.Marshal(c) }

// shards is the number of parts of a batch. Each has rows enough that what it costs to write and add up its gradients is little beside computing them.
func (c Config) shards() int {
	if c.Shards > 0 {
		return c.Shards
	}
	return max(1, min(c.Batch/128, 8))
}

// threads is the number of threads, all processors' if none is set.
func (c Config) threads() int {
	if c.Threads > 0 {
		return c.Threads
	}
	return goruntime.GOMAXPROCS(0)
}

// Check refuses settings that cannot train, naming the first.
func (c Config) Check() error {
	for _, s := range []struct {
		name  string
		value any
		ok    bool
		want  string
	}{
		{"steps", c.Steps, c.Steps >= 1, "at least 1"},
		{"batch", c.Batch, c.Batch >= 1, "at least 1"},
		{"drop", c.Drop, c.Drop >= 0 && c.Drop <= 1, "a probability"},
		{"clip", c.Clip, c.Clip >= 0, "at least 0"},
		{"ema", c.EMA, c.EMA >= 0 && c.EMA < 1, "at least 0 and below 1"},
		{"held-out", c.HeldOut, c.HeldOut >= 0 && c.HeldOut < 1, "a fraction below 1"},
		{"log", c.Log, c.Log >= 1, "at least 1"},
		{"evaluate", c.Evaluate, c.Evaluate >= 1, "at least 1"},
		{"checkpoint", c.Checkpoint, c.Checkpoint >= 1, "at least 1"},
		{"threads", c.Threads, c.Threads >= 0 && c.Threads <= 1024, "0 to 1024"},
		{"sigma", c.Sigma, c.Sigma >= 0 && c.Sigma <= 1e3, "a standard deviation"},
		{"shards", c.Shards, c.Shards >= 0 && c.Shards <= c.Batch, "at most the rows of a batch"},
	} {
		if !s.ok {
			return fmt.Errorf("train: %s is %v, want %s", s.name, s.value, s.want)
		}
	}
	if c.Model.Architecture == nil {
		return errors.New("train: no model")
	}
	if err := c.checkCoupling(); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	if err := c.checkReflow(); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	schedule, err := flow.ParseSchedule(c.Schedule)
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	if err := c.times(&flow.Spec{Schedule: schedule}); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	for name, w := range c.ColumnWeights {
		if !(w > 0 && w <= 1e6) {
			return fmt.Errorf("train: weight %g of column %.60q, want a positive number up to 1e6", w, name)
		}
	}
	if err := c.AdamW.Check(); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	if err := c.Rate.Check(); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	return nil
}
