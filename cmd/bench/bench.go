package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"fmtool/runtime/native/kernel"
	"fmtool/runtime/ort"
)

// benchCase is one thing to compute, and who computes it.
type benchCase struct {
	table, name string
	threads     int
	unit        string  // what is timed: "step", "product", "sampling", "number", "run"
	per         float64 // of it in one call
	flops       float64 // of one call, 0: no share of the peak
	share       float64 // of the length of a slice
	wall        bool    // compare wall time
	candidates  []candidate
}

// candidate is one way to compute a case; the first is ours.
type candidate struct {
	key   string // of names
	open  func() (work, error)
	every int // takes part in every so many rounds; 0: all
}

// block is cases whose rounds are interleaved.
type block []benchCase

// bench is a run of this command.
type bench struct {
	settings
	ctx    context.Context
	temp   string
	peers  map[string]*peer
	absent map[string]error
	ort    *ort.Engine
	report *Report
}

// measure runs every case that is asked for.
func measure(ctx context.Context, s settings) (*Report, error) {
	temp, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp) //nolint:errcheck // a temporary folder
	b := &bench{settings: s, ctx: ctx, temp: temp, peers: map[string]*peer{}, absent: map[string]error{}, report: newReport(s)}
	defer b.stopPeers()
	if err := b.memory(); err != nil { // first: the system counts what this process holds when it starts another as the other's
		return nil, err
	}
	if b.ort, err = ort.New(s.ortLib); err != nil {
		log.Print(err)
	} else {
		b.report.Versions["onnxruntime (Go)"] = b.ort.Version()
	}
	begun := time.Now()
	for _, blocks := range []func() []block{b.products, b.samplings, b.normals, b.steps, b.loops, b.starts} {
		for _, block := range blocks() {
			if err := b.runBlock(block); err != nil {
				return nil, err
			}
		}
		b.stopPeers()
	}
	b.report.Peak = figure(b.report.Probe)
	b.report.Seconds = time.Since(begun).Seconds()
	return b.report, nil
}

// peer returns the running program of a script, started if need be.
func (b *bench) peer(python, script string, threads int) (*peer, error) {
	key := fmt.Sprint(python, script, threads)
	if p, err := b.peers[key], b.absent[key]; p != nil || err != nil {
		return p, err
	}
	p, err := startPeer(b.ctx, python, filepath.Join(b.settings.peers, script), threads)
	if err != nil {
		b.absent[key] = err
		return nil, err
	}
	b.peers[key] = p
	return p, nil
}

// asks is how a peer opens a case; its versions go into the report under the name of the candidate's origin.
func (b *bench) asks(origin, python, script string, threads int, params any) func() (work, error) {
	return func() (work, error) {
		p, err := b.peer(python, script, threads)
		if err != nil {
			return nil, err
		}
		for what, v := range p.versions {
			b.report.Versions[what+origin] = v
		}
		return p.open(params)
	}
}

func (b *bench) stopPeers() {
	for _, p := range b.peers {
		p.stop()
	}
	clear(b.peers)
}

// runBlock measures a block and adds its rows to the report.
func (b *bench) runBlock(all block) error {
	chosen := slices.DeleteFunc(slices.Clone(all), func(c benchCase) bool { return !b.run.MatchString(c.table + "/" + c.name) })
	if len(chosen) == 0 {
		return nil
	}
	turns, done := b.openAll(chosen)
	defer done()
	probe, begun := []float64{}, time.Now()
	for round := range b.Rounds {
		if round >= 3 && time.Since(begun) > b.Budget {
			break
		}
		probe = append(probe, fmaPeak())
		for i := range turns {
			t := turns[(i+round)%len(turns)]
			if err := b.ctx.Err(); err != nil {
				return err
			}
			t.take(round, b.Slice.Seconds())
		}
	}
	b.report.Probe = append(b.report.Probe, probe...)
	for i, c := range chosen {
		var of []*turn
		for _, t := range turns {
			if t.index == i {
				of = append(of, t)
			}
		}
		row := newRow(c, of, probe)
		if i > 0 && chosen[i-1].name == c.name && c.threads > 1 {
			row.Efficiency = efficiency(turnOf(turns, i-1), of[0])
		}
		b.report.Rows = append(b.report.Rows, row)
		log.Print(row)
	}
	return nil
}

// turnOf is our turn in a case.
func turnOf(turns []*turn, index int) *turn {
	return turns[slices.IndexFunc(turns, func(t *turn) bool { return t.index == index })]
}

// turn is a candidate of a case in its block.
type turn struct {
	c       *benchCase
	index   int // of the case
	key     string
	every   int
	work    work
	status  error // why there is no work
	samples map[int]sample
}

func (b *bench) openAll(cases block) (turns []*turn, done func()) {
	for i := range cases {
		for _, k := range cases[i].candidates {
			t := &turn{c: &cases[i], index: i, key: k.key, every: max(k.every, 1), samples: map[int]sample{}}
			if t.work, t.status = k.open(); t.status != nil {
				t.work = nil
				if !errors.Is(t.status, errAbsent) {
					log.Printf("%s/%s: %s: %v", cases[i].table, cases[i].name, k.key, t.status)
				}
			}
			turns = append(turns, t)
		}
	}
	return turns, func() {
		for _, t := range turns {
			if t.work != nil {
				t.work.close()
			}
		}
	}
}

// take measures one slice; a failure ends the candidate's part in this block.
func (t *turn) take(round int, seconds float64) {
	if t.status != nil || round%t.every != 0 {
		return
	}
	if t.c.share > 0 {
		seconds *= t.c.share
	}
	s, err := t.work.slice(seconds)
	if err != nil {
		t.status = err
		return
	}
	t.samples[round] = s
}

// fmaPeak is the floating-point operations per second of processor time that the probe reaches now, 0 without one.
func fmaPeak() float64 {
	cpu, begun, flops := cpuSeconds(), time.Now(), 0.0
	for time.Since(begun) < 10*time.Millisecond {
		flops += kernel.Peak(10)
		if flops == 0 {
			return 0
		}
	}
	return flops / (cpuSeconds() - cpu)
}

// rounds are the rounds in which both took part, in order.
func (t *turn) rounds(other *turn) []int {
	var list []int
	for _, r := range slices.Sorted(maps.Keys(t.samples)) {
		if _, ok := other.samples[r]; ok {
			list = append(list, r)
		}
	}
	return list
}
