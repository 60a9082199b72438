package train_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"fmtool/models"
	"fmtool/train"
)

// Every setting survives being written and read.
func TestConfigRoundTrip(t *testing.T) {
	c := small()
	c.Data, c.Columns, c.Label, c.Seed, c.Unconditional = "a.csv", []string{"x", "y"}, "class", 1<<63, true
	text, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	back, err := train.ParseConfig(train.Config{}, text)
	if err != nil {
		t.Fatal(err)
	}
	again, err := back.YAML()
	if err != nil || !bytes.Equal(text, again) {
		t.Errorf("%v\n%s\n%s", err, text, again)
	}
	if fmt.Sprintf("%+v", *back.Model.Architecture.(*models.MLP)) != fmt.Sprintf("%+v", *c.Model.Architecture.(*models.MLP)) ||
		back.Seed != 1<<63 || back.Columns[1] != "y" {
		t.Errorf("got %+v", back)
	}
}

// A file changes what it names and leaves the rest, the caller's architecture included.
func TestConfigOverDefaults(t *testing.T) {
	d := train.Default()
	d.Model = train.Network{Architecture: &models.MLP{Width: 64, Depth: 5}}
	c, err := train.ParseConfig(d, []byte("steps: 7\nmodel: {width: 99}\nadamw:\n  decay: 0.5\n"))
	if err != nil {
		t.Fatal(err)
	}
	m, before := c.Model.Architecture.(*models.MLP), d.Model.Architecture.(*models.MLP)
	if c.Steps != 7 || m.Width != 99 || m.Depth != before.Depth || before.Width != 64 || c.AdamW.Decay != 0.5 || c.AdamW.Beta1 != 0.9 || c.Batch != d.Batch {
		t.Errorf("got %+v, model %+v, the default's model %+v", c, m, before)
	}
	if empty, err := train.ParseConfig(d, nil); err != nil || empty.Steps != d.Steps {
		t.Errorf("an empty file: %+v, %v", empty, err)
	}
	if err := d.Check(); err != nil {
		t.Error(err)
	}
}

// A mistake in a file is an error with its line and, for a key, the nearest one.
func TestConfigRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"steps: 7\nbacth: 3\n":             `line 2: unknown setting "bacth"; did you mean "batch"`,
		"adamw:\n  deacy: 1\n":             `line 2: unknown setting "deacy"; did you mean "decay"`,
		"model:\n  kind: mlp\n  wdth: 3\n": `line 3: unknown setting "wdth"; did you mean "width"`,
		"model: {kind: mlpp}\n":            `line 1: unknown architecture "mlpp"; did you mean "mlp"`,
		"steps: many\n":                    "line 1: cannot unmarshal !!str `many` into int",
		"steps: 1\nsteps: 2\n":             "line 2: mapping key \"steps\" already defined",
		"- 1\n":                            "line 1: want a mapping",
		"rate: 3\n":                        "line 1: want a mapping",
		"model: mlp\n":                     "line 1",
		"a: [":                             "yaml",
		"steps: 1\n---\nsteps: 2\n":        "more than one",
	} {
		if _, err := train.ParseConfig(train.Default(), []byte(text)); err == nil ||
			!strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "train: config: ") {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// No configuration file panics, and what is accepted can be written and read again.
func FuzzParseConfig(f *testing.F) {
	text, err := train.Default().YAML()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("model: {kind: mlp, width: 3}\n"))
	f.Add([]byte("a: &x [*x]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := train.ParseConfig(train.Default(), text)
		if err != nil {
			return
		}
		text, err = c.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := train.ParseConfig(train.Default(), text); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	})
}
