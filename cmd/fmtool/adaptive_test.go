package main

import (
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Samples by chosen steps are those of many given ones, their evaluations are reported, and --reverse takes them back to the noise of the seed.
func TestChosenStepsAndBack(t *testing.T) {
	dir, model := small(t)
	file := filepath.Join(dir, "samples.csv")
	_, talk, err := run("sample", model, "--solver", "dopri5", "--seed", "4", "--engine", "native", "-o", file)
	if err != "" || !strings.Contains(talk, "evaluations a row, at most") {
		t.Fatalf("%q %q", talk, err)
	}
	chosen, _, _ := run("sample", model, "--solver", "dopri5", "--seed", "4", "--engine", "native")
	given, talk, err := run("sample", model, "--solver", "rk4", "--seed", "4", "--engine", "native")
	if d := apart(t, chosen, given); err != "" || talk != "" || d > 1e-3 {
		t.Errorf("chosen and given steps are %g apart; %q %q", d, talk, err)
	}
	byChosen, _, err1 := run("sample", model, "--reverse", file, "--solver", "dopri5", "--engine", "native")
	byGiven, _, err2 := run("sample", model, "--reverse", file, "--solver", "dopri5", "--steps", "50", "--engine", "native")
	if d := apart(t, byChosen, byGiven); err1+err2 != "" || d > 1e-3 || apart(t, byChosen, chosen) < 0.1 {
		t.Errorf("noise by chosen and given steps is %g apart; %q %q", d, err1, err2)
	}
}

// apart is the greatest difference of the numbers of two CSVs.
func apart(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := strings.FieldsFunc(a, comma)[2:], strings.FieldsFunc(b, comma)[2:]
	if len(x) != len(y) || len(x) < 32 {
		t.Fatalf("%d and %d fields", len(x), len(y))
	}
	worst := 0.0
	for i := range x {
		v, err1 := strconv.ParseFloat(x[i], 64)
		w, err2 := strconv.ParseFloat(y[i], 64)
		if err1 == nil && err2 == nil {
			worst = max(worst, math.Abs(v-w))
		}
	}
	return worst
}

func comma(r rune) bool { return r == ',' || r == '\n' }

// A trajectory has every row at every time, the samples last.
func TestTrajectoryIsWritten(t *testing.T) {
	_, model := small(t)
	for _, name := range []string{"ab2", "bosh3"} {
		args := []string{"sample", model, "-n", "3", "--steps", "5", "--solver", name, "--engine", "native"}
		way, _, err1 := run(append(args, "--trajectory")...)
		samples, _, err2 := run(args...)
		lines, last := strings.Split(strings.TrimSpace(way), "\n"), strings.Split(strings.TrimSpace(samples), "\n")
		if err1+err2 != "" || len(lines) != 1+6*3 || !strings.HasPrefix(lines[0], "t,") || !strings.HasPrefix(lines[1], "0,") {
			t.Fatalf("%q %q: %d lines\n%s", err1, err2, len(lines), way)
		}
		for i, line := range last[1:] {
			if got := lines[1+5*3+i]; got != "1,"+line {
				t.Errorf("%s: row %d ends as %q, want %q after t", name, i, got, line)
			}
		}
	}
}

// Sampling into a file reports what it cost: the stages of each step, and both branches where guidance mixes them.
func TestSamplingReportsItsCost(t *testing.T) {
	dir, model := small(t)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"heun":     {[]string{"--solver", "heun", "--steps", "10"}, "heun: 20.0 evaluations a row"},
		"times":    {[]string{"--solver", "midpoint", "--times", "0,0.1,0.4,1"}, "midpoint: 6.0 evaluations a row"},
		"noise":    {[]string{"--sde", "beta", "--steps", "10"}, "euler-maruyama: 10.0 evaluations a row"},
		"guidance": {[]string{"--class", "0", "--guidance", "2", "--guidance-interval", "0:0.5", "--steps", "10"}, "euler: 15.0 evaluations a row"},
	} {
		_, talk, err := run(append([]string{"sample", model, "--engine", "native", "-o", filepath.Join(dir, name+"-cost.csv")}, c.args...)...)
		if err != "" || !strings.Contains(talk, c.want) {
			t.Errorf("%s: %q %q, want %q", name, talk, err, c.want)
		}
	}
}

// Even times are the steps of that number, and uneven ones are not.
func TestTimesOfSteps(t *testing.T) {
	_, model := small(t)
	steps, _, err1 := run("sample", model, "--engine", "native", "--steps", "4")
	even, _, err2 := run("sample", model, "--engine", "native", "--times", "0,0.25,0.5,0.75,1")
	uneven, _, err3 := run("sample", model, "--engine", "native", "--times", "0,0.1,0.5,0.9,1")
	if err1+err2+err3 != "" || even != steps || uneven == steps {
		t.Errorf("four even times are the four steps: %v; uneven ones too: %v; %q", even == steps, uneven == steps, err1+err2+err3)
	}
}

// Several weights of guidance go to the rows in turn, by their number in the job, by given steps and by chosen ones: a shard holds the rows of the whole.
func TestWeightsInTurn(t *testing.T) {
	_, model := small(t)
	for _, solver := range []string{"heun", "dopri5"} {
		draw := func(args ...string) []string {
			out, _, err := run(append([]string{"sample", model, "--class", "1", "--engine", "native", "--solver", solver}, args...)...)
			if err != "" {
				t.Fatal(err)
			}
			return strings.Split(strings.TrimSpace(out), "\n")[1:]
		}
		turn, shard := draw("-n", "7", "--batch", "3", "--guidance", "1,3,0"), draw("-n", "3", "--offset", "4", "--guidance", "1,3,0")
		for i, w := range []string{"1", "3", "0", "1", "3", "0", "1"} {
			if want := draw("-n", "7", "--guidance", w)[i]; turn[i] != want || i >= 4 && shard[i-4] != want {
				t.Errorf("%s, row %d: %s, by weight %s alone %s, in a shard %v", solver, i, turn[i], w, want, shard)
			}
		}
		if turn[1] == draw("-n", "7")[1] {
			t.Error("guidance does nothing here: the test shows nothing")
		}
	}
}
