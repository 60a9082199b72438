// Command bench prints this module's speed beside that of its peers: PyTorch, onnxruntime, gonum, NumPy. It is a tool of the developers, make bench.
//
// Everything that is compared runs in one process tree and takes turns: a round gives each candidate of a block of cases a slice of time, in
// an order that turns from round to round, and begins with a probe of the processor's FMA peak. Ratios and shares of the peak are taken within
// a round; what is printed is their median with the 10th and 90th percentile. One-thread cases compare processor time, which leaves out what
// other programs of the machine took; cases with more threads compare wall time. Peers are Python programs in testdata/peers, each kept alive
// behind pipes; one that is not installed is reported so.
//
//	go run ./cmd/bench -run 'step/D=2'        # those cases alone
//	go run ./cmd/bench -isa avx2 -run step    # with the instructions of an older machine, on both sides
//	go run ./cmd/bench -readme                # write README's section from testdata/bench.json, and bench.avx2.json if it is there
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

// settings are the flags.
type settings struct {
	Rounds    int           `json:"rounds"`
	Slice     time.Duration `json:"slice"`
	Budget    time.Duration `json:"budget"`
	ISA       string        `json:"isa,omitempty"` // of isas; "": what the machine has
	run       *regexp.Regexp
	python    string
	oldPython string
	peers     string
	sampler   string
	fmtool    string
	ortLib    string
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench: ")
	var s settings
	var pattern, out, table, record string
	var readme bool
	flag.IntVar(&s.Rounds, "rounds", 15, "rounds of each block of cases")
	flag.DurationVar(&s.Slice, "slice", 100*time.Millisecond, "time of a candidate in a round; short products take a fifth of it")
	flag.DurationVar(&s.Budget, "budget", 25*time.Second, "time after which a block ends once it has three rounds")
	flag.StringVar(&pattern, "run", "", "cases whose table/name this regular expression matches")
	flag.StringVar(&s.ISA, "isa", "", "instruction set that ours and the peers are held to: avx2 (default: what the machine has)")
	flag.StringVar(&s.python, "python", ".venv-peers/bin/python", "Python with the peers")
	flag.StringVar(&s.oldPython, "old-python", ".venv-torch1.13/python", "Python with an older PyTorch beside it")
	flag.StringVar(&s.peers, "peers", "testdata/peers", "folder of the peers' programs")
	flag.StringVar(&s.sampler, "sampler", "export/python/sample.py", "the README's Python program")
	flag.StringVar(&s.fmtool, "fmtool", "bin/fmtool", "the built command")
	flag.StringVar(&s.ortLib, "ort-lib", "", "path of onnxruntime's shared library (default: found)")
	flag.StringVar(&out, "o", "bench.json", "result")
	flag.StringVar(&table, "table", "bench.md", "the result as Markdown")
	flag.StringVar(&record, "record", "testdata/bench.json", "recorded result that -readme reads")
	flag.BoolVar(&readme, "readme", false, "measure nothing: write the README's section from the recorded result")
	flag.Parse()
	if readme {
		check(updateReadme("README.md", record))
		return
	}
	var err error
	s.run, err = regexp.Compile(pattern)
	check(err)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if s.ISA != "" {
		done, err := restartWith(ctx, s.ISA)
		check(err)
		if done {
			return
		}
	}
	r, err := measure(ctx, s)
	check(err)
	check(r.write(out))
	check(os.WriteFile(table, []byte(r.Markdown()), 0o644))
	fmt.Print(r.Markdown())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
