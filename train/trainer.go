package train

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"runtime/debug"
	"time"

	"fmtool/models"
	"fmtool/models/tensor"
	"fmtool/runtime/native"
	"fmtool/train/data"
)

// trainer is a run in progress.
type trainer struct {
	c        Config
	o        Options
	dir      string
	set      *data.Set // as given
	rows     int       // of them trained on
	checksum string

	model   *models.Model // without its initial weights: the plan has its own
	names   []string      // of the weights
	lower   Loss          // what the steps lower
	feed    feeder
	beside  func(part int) // of the feed
	states  []string       // parameters of the step graph, all of which a checkpoint holds
	plan    *native.Plan
	in, out []tensor.Tensor
	loss    *evaluation // nil: nothing held out

	step  int // steps taken
	saved int // step of the last checkpoint, −1: none
	log   *journal
	mean  meter
	begun time.Time
	first int // step at which this process began
}

// meter is what the next line of the log averages.
type meter struct {
	loss   float64
	steps  int
	since  time.Time
	paired time.Duration // that couplings had taken until then
}

func newTrainer(c Config, set *data.Set, dir string, o Options) (*trainer, error) {
	m, rows, held, err := NewModel(c, set)
	if err != nil {
		return nil, err
	}
	t := &trainer{c: c, o: o, dir: dir, set: set, rows: rows.Len(), checksum: checksum(set), model: m, names: names(m.Weights), saved: -1}
	if t.lower, err = NewLoss(c, m.Spec); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	feed, err := newFeeder(c, m, t.lower, rows)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	if err := t.compile(); err != nil {
		feed.close()
		return nil, fmt.Errorf("train: %w", err)
	}
	t.feed, t.beside = feed, feed.beside
	if held != nil {
		if t.loss, err = newEvaluation(m, t.lower, heldOut(m, t.lower, held, c), t.c.threads()); err != nil {
			t.close()
			return nil, fmt.Errorf("train: %w", err)
		}
	}
	m.Weights = nil
	return t, nil
}

// compile makes the plan of a step and its arguments.
func (t *trainer) compile() error {
	g, plan, states, err := t.c.compile(t.model, t.lower, 0)
	if err != nil {
		return err
	}
	t.plan, t.states = plan, states
	t.in = make([]tensor.Tensor, len(g.Inputs)) // the batch's, then rate and step
	t.in[len(t.in)-2], t.in[len(t.in)-1] = tensor.New(tensor.Float32), tensor.New(tensor.Float32)
	t.out = make([]tensor.Tensor, len(g.Outputs)) // absent, but for loss and norm
	t.out[0], t.out[1] = tensor.New(tensor.Float32), tensor.New(tensor.Float32)
	return nil
}

func (t *trainer) close() {
	t.feed.close()
	t.plan.Close()
	if t.loss != nil {
		t.loss.plan.Close()
	}
	if t.log != nil {
		t.log.f.Close()
	}
}

// run takes the steps that are left.
func (t *trainer) run(ctx context.Context) error {
	var err error
	if t.log, err = openJournal(t.dir, t.step); err != nil {
		return err
	}
	debug.FreeOSMemory() // what set-up leaves, several times the weights, before the first step takes the memory of the activations
	t.begun, t.first = time.Now(), t.step
	t.mean.since = t.begun
	for t.step < t.c.Steps {
		if ctx.Err() != nil {
			if err := t.save(); err != nil {
				return err
			}
			return fmt.Errorf("%w at step %d of %d, kept in %s: %w", ErrStopped, t.step, t.c.Steps, t.dir, ctx.Err())
		}
		if err := t.take(); err != nil {
			return err
		}
		if err := t.report(); err != nil {
			return err
		}
		if t.step%t.c.Checkpoint == 0 {
			if err := t.save(); err != nil {
				return err
			}
		}
	}
	return t.finish()
}

// take is one step of the algorithm.
func (t *trainer) take() error {
	copy(t.in, t.feed.take(t.step))
	rate, step := t.in[len(t.in)-2], t.in[len(t.in)-1]
	rate.Float32()[0] = float32(t.c.Rate.At(t.step+1, t.c.Steps))
	step.Float32()[0] = float32(t.step + 1)
	// Not the caller's context: a step that a cancellation cuts in half would leave half of the weights updated.
	if err := t.plan.RunBeside(context.Background(), t.in, t.out, t.beside); err != nil {
		return fmt.Errorf("train: step %d: %w", t.step+1, err)
	}
	loss, norm := float64(t.out[0].Float32()[0]), float64(t.out[1].Float32()[0])
	if !finite(loss) || !finite(norm) {
		return t.diverged("loss", loss, "norm of its gradient", norm)
	}
	t.step++
	t.mean.loss += loss
	t.mean.steps++
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// diverged says what became NaN or infinite in the step after t.step, and what is left.
func (t *trainer) diverged(what string, value float64, more string, other float64) error {
	kept := "there is no checkpoint yet"
	if t.saved >= 0 {
		kept = fmt.Sprintf("the last good checkpoint, of step %d, is in %s", t.saved, filepath.Join(t.dir, checkpointName))
	}
	return fmt.Errorf("train: step %d: the %s is %g and the %s %g; %s; train again with a lower rate than %g (rate.peak) or a bound on the gradient (clip)",
		t.step+1, what, value, more, other, kept, t.c.Rate.Peak)
}

// report writes the log's line if one is due.
func (t *trainer) report() error {
	evaluate := t.loss != nil && (t.step%t.c.Evaluate == 0 || t.step == t.c.Steps)
	if t.step%t.c.Log != 0 && t.step != t.c.Steps && !evaluate {
		return nil
	}
	now := time.Now()
	l := Line{Step: t.step, Loss: t.mean.loss / float64(t.mean.steps), Norm: float64(t.out[1].Float32()[0]), Rate: t.c.Rate.At(t.step, t.c.Steps),
		Rows: float64(t.mean.steps*t.c.Batch) / now.Sub(t.mean.since).Seconds(), Seconds: now.Sub(t.begun).Seconds()}
	if evaluate {
		mean, bins, err := t.heldOut()
		if err != nil {
			return err
		}
		l.HeldOut, l.Bins = &mean, bins
	}
	if paired := t.feed.pairing(); paired > 0 {
		l.Coupling = (paired - t.mean.paired).Seconds() / now.Sub(t.mean.since).Seconds()
	}
	t.mean = meter{since: time.Now(), paired: t.feed.pairing()}
	if t.o.Progress != nil {
		left := time.Duration(float64(now.Sub(t.begun)) * float64(t.c.Steps-t.step) / float64(t.step-t.first))
		t.o.Progress(Progress{l, t.c.Steps, left})
	}
	return t.log.add(l)
}

func (t *trainer) heldOut() (mean float64, bins []float64, err error) {
	w, err := t.weights(false)
	if err != nil {
		return 0, nil, err
	}
	return t.loss.of(w)
}
