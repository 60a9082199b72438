package train

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/train/checkpoint"
	"fmtool/train/data"
)

// Progress is what a run reports at each line of its log.
type Progress struct {
	Line
	Steps int           // in all
	Left  time.Duration // estimate
}

// Options are what a run takes beside its configuration. The zero value is silent.
type Options struct {
	Progress func(Progress)
	FS       checkpoint.FS // nil: the disk
}

func (o Options) fs() checkpoint.FS {
	if o.FS == nil {
		return checkpoint.Disk
	}
	return o.FS
}

const (
	configName     = "config.yaml"
	checkpointName = "checkpoint"
)

// ErrStopped says that a run ended before its last step because its context was cancelled; the checkpoint is of the last step taken.
var ErrStopped = errors.New("train: stopped")

// Run trains on a set in data units and leaves dir with config.yaml, log.jsonl, checkpoint/ and, once all steps are done, weights.safetensors. dir must
// not hold a run yet. When ctx is cancelled the run writes a checkpoint and returns ErrStopped, wrapped; Resume goes on from there.
func Run(ctx context.Context, c Config, set *data.Set, dir string, o Options) error {
	if err := c.Check(); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, configName)); err == nil {
		return fmt.Errorf("train: %s holds a run already; resume it or choose another folder", dir)
	}
	t, err := newTrainer(c, set, dir, o)
	if err != nil {
		return err
	}
	defer t.close()
	c.Model, c.Normaliser, c.Shards = Network{t.model.Arch}, t.model.Spec.Normaliser.Kind, c.shards() // what was left open
	text, err := c.YAML()
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	if err := o.fs().MkdirAll(dir); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	if err := checkpoint.WriteFile(o.fs(), filepath.Join(dir, configName), text); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	return t.run(ctx)
}

// Resume goes on with the run in dir from its last checkpoint, or from the start if there is none. The set must be the one it began with. The result
// is byte for byte that of a run that was never interrupted.
func Resume(ctx context.Context, set *data.Set, dir string, o Options) error {
	c, err := ReadConfig(dir)
	if err != nil {
		return err
	}
	if imported(dir) {
		return fmt.Errorf("train: the weights of %s were imported, so that it has no step to go on from; fine-tune them with its train_step", dir)
	}
	t, err := newTrainer(c, set, dir, o)
	if err != nil {
		return err
	}
	defer t.close()
	s, err := checkpoint.Load(o.fs(), filepath.Join(dir, checkpointName))
	switch {
	case errors.Is(err, checkpoint.ErrNone):
	case err != nil:
		return fmt.Errorf("train: no checkpoint of %s can be read: %w", dir, err)
	default:
		if err := t.restore(s); err != nil {
			return err
		}
	}
	return t.run(ctx)
}

// ReadConfig reads the configuration of the run in dir.
func ReadConfig(dir string) (Config, error) {
	text, err := os.ReadFile(filepath.Join(dir, configName))
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, fmt.Errorf("train: %s holds no run: it has no %s", dir, configName)
	}
	if err != nil {
		return Config{}, fmt.Errorf("train: %w", err)
	}
	c, err := ParseConfig(Default(), text)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", dir, err)
	}
	return c, c.Check()
}

// NewModel returns the model of a configuration with its fresh weights, and the set split and in model space. held is nil if nothing is held out.
func NewModel(c Config, set *data.Set) (m *models.Model, train, held *data.Set, err error) {
	schedule, err := flow.ParseSchedule(c.Schedule)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("train: %w", err)
	}
	if train, err = c.start(set); err != nil {
		return nil, nil, nil, fmt.Errorf("train: %w", err)
	}
	set = train
	if c.HeldOut > 0 {
		if set.Len() < 2 {
			return nil, nil, nil, fmt.Errorf("train: %d rows cannot be split; use held-out 0", set.Len())
		}
		train, held = set.Split(c.HeldOut, c.Seed)
	}
	kind := c.Normaliser
	if kind == "" {
		kind = "column"
		if set.Columns == nil && len(set.Dims) > 1 {
			kind = "global"
		}
	}
	parent, err := c.parent()
	if err != nil {
		return nil, nil, nil, err
	}
	normaliser, err := flow.FitNormaliser(kind, train.Rows, train.Dim())
	if err != nil {
		return nil, nil, nil, fmt.Errorf("train: %w", err)
	}
	if parent != nil {
		if normaliser = parent.Spec.Normaliser; c.Normaliser != "" && c.Normaliser != normaliser.Kind {
			return nil, nil, nil, fmt.Errorf("train: reflow keeps the normaliser of its model, %s; leave normaliser %s out", normaliser.Kind, c.Normaliser)
		}
	}
	spec := flow.Spec{Dims: set.Dims, Columns: set.Columns, Condition: flow.Condition{Kind: flow.Unconditional}, Schedule: schedule, Normaliser: normaliser}
	if err := c.times(&spec); err != nil {
		return nil, nil, nil, fmt.Errorf("train: %w", err)
	}
	switch {
	case c.Unconditional:
	case set.Vectors != nil:
		spec.Condition = flow.Condition{Kind: flow.Vector, Width: len(set.Given), Names: set.Given, Drop: c.Drop}
	case set.Labels != nil:
		spec.Condition = flow.Condition{Kind: flow.Labels, Classes: len(set.Classes), Names: set.Classes, Drop: c.Drop}
	}
	c.couple(&spec, set)
	m, err = models.New(spec, c.Model.Architecture, noise.New(c.Seed, noise.Weights))
	if err != nil {
		return nil, nil, nil, fmt.Errorf("train: %w", err)
	}
	if parent != nil && !c.Reflow.Fresh {
		if err := inherit(m, parent); err != nil {
			return nil, nil, nil, fmt.Errorf("train: %w", err)
		}
	}
	return m, encoded(train, normaliser), encoded(held, normaliser), nil
}

// times sets the prediction, the times it is trained at and where samplers step.
func (c Config) times(spec *flow.Spec) (err error) {
	if spec.Prediction, err = flow.ParseQuantity(c.Prediction); err != nil {
		return err
	}
	l, err := c.loss()
	if err != nil {
		return err
	}
	spec.TimeMin, spec.TimeMax = flow.Interval(spec.Schedule, spec.Prediction, l.In)
	if spec.Times, err = flow.ParseTimes(c.Times); err != nil {
		return err
	}
	spec.Grid, err = flow.ParseGrid(c.Grid)
	return err
}

// encoded is a copy of a set in model space.
func encoded(set *data.Set, n flow.Normaliser) *data.Set {
	if set == nil {
		return nil
	}
	out := *set
	out.Rows = make([]float32, len(set.Rows))
	n.Encode(out.Rows, set.Rows)
	if set.Paired != nil && !set.Noise {
		out.Paired = make([]float32, len(set.Paired))
		n.Encode(out.Paired, set.Paired)
	}
	out.Source = encoded(set.Source, n)
	return &out
}

// checksum identifies a data set: SHA-256 of its rows, labels and vectors, then of the x0 of pairs and the rows of a source if it has them, little-endian.
func checksum(set *data.Set) string {
	h := sha256.New()
	binary.Write(h, binary.LittleEndian, set.Rows)
	binary.Write(h, binary.LittleEndian, set.Labels)
	binary.Write(h, binary.LittleEndian, set.Vectors)
	if set.Paired != nil {
		binary.Write(h, binary.LittleEndian, set.Paired)
	}
	if set.Source != nil {
		binary.Write(h, binary.LittleEndian, set.Source.Rows)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// facts go into the weights file, with the keys of the metadata of exported files. None depends on the machine or the clock.
func facts(c Config, set *data.Set, train int, heldOut float64) map[string]string {
	f := map[string]string{
		"seed": strconv.FormatUint(c.Seed, 10), "steps": strconv.Itoa(c.Steps), "batch": strconv.Itoa(c.Batch), "rows": strconv.Itoa(train),
		"loss": c.Loss, "loss.in": c.lossIn(), "loss.weight": cmp.Or(c.Weight, "none"),
		"data.sha256": checksum(set), "ema": strconv.FormatFloat(c.EMA, 'g', -1, 64),
	}
	if len(c.ColumnWeights) > 0 {
		var list []string
		for _, name := range slices.Sorted(maps.Keys(c.ColumnWeights)) {
			list = append(list, name+"="+strconv.FormatFloat(c.ColumnWeights[name], 'g', -1, 64))
		}
		f["loss.columns"] = strings.Join(list, ",")
	}
	if set.Len() > train {
		f["held_out.loss"] = strconv.FormatFloat(heldOut, 'g', 6, 64)
	}
	out := map[string]string{}
	for k, v := range f {
		out[flow.Prefix+"train."+k] = v
	}
	return out
}
