package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"fmtool/export"
	"fmtool/models/flow"
	"fmtool/models/onnx"
)

type inspectFlags struct {
	file    fileFlags
	asJSON  bool
	python  bool
	golang  bool
	lengths map[string]int64
}

func inspectCommand() *cobra.Command {
	f := &inspectFlags{file: fileFlags{foreign: true, outside: true}}
	cmd := &cobra.Command{
		Use:   "inspect FILE.onnx",
		Short: "Tell what a file takes and gives, what it costs and needs, and print code that uses it",
		Long: `Tell what to feed into an ONNX file and what comes out, in which units where the file is ours, and guessed where it is not; its operators with
those in graphs and functions, its numbers, the floating-point operations of one row (an addition and a multiplication apart, a function as one), its
element types, the oldest onnxruntime that loads it, and what to beware of: operators without a kernel, paths and user names left in the file, numbers
in other files and more. Then a program in Go and one in Python, for onnxruntime and numpy alone, ready to paste. Works on anybody's file; nothing is
run. FLOPs and code take the lengths of --length for dimensions that the file leaves open, else 1.`,
		Example: "  fmtool inspect model.onnx\n  fmtool inspect model.onnx --python > sample.py\n  fmtool inspect unet.onnx --length height=64,width=64",
		Args:    cobra.ExactArgs(1),
		RunE:    f.file.guard(func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) }),
	}
	f.file.add(cmd)
	s := cmd.Flags()
	s.BoolVar(&f.asJSON, "json", false, "print as JSON")
	s.BoolVar(&f.python, "python", false, "print the Python program alone")
	s.BoolVar(&f.golang, "go", false, "print the Go program alone")
	s.StringToInt64Var(&f.lengths, "length", nil, "`name=n` of dimensions that the file leaves open")
	cmd.MarkFlagsMutuallyExclusive("json", "python", "go")
	return cmd
}

func (f *inspectFlags) run(cmd *cobra.Command, path string) error {
	for name, n := range f.lengths {
		if n < 1 || n > 1<<31-1 {
			return fmt.Errorf("--length %s=%d: want a positive number", name, n)
		}
	}
	file, err := f.file.read(path)
	if err != nil {
		return err
	}
	m, err := onnx.Unmarshal(file)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	r := inspection{Bytes: len(file), Inspection: onnx.Inspect(m, f.lengths), Manual: export.ManualOf(m, path), Metadata: m.Metadata(), doc: m.DocString}
	w := cmd.OutOrStdout()
	code := func(program string, err error) error {
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		_, err = io.WriteString(w, program)
		return err
	}
	switch {
	case f.asJSON:
		out := json.NewEncoder(w)
		out.SetIndent("", "  ")
		return out.Encode(r)
	case f.python:
		return code(r.Python(f.lengths))
	case f.golang:
		return code(r.Go(f.lengths))
	}
	r.print(w, path, f.lengths)
	return nil
}

// inspection is all that is told of a file.
type inspection struct {
	Bytes int `json:"bytes"`
	onnx.Inspection
	export.Manual
	Metadata map[string]string `json:"metadata"`
	doc      string
}

func (r inspection) print(w io.Writer, path string, lengths map[string]int64) {
	say := func(what, format string, args ...any) {
		line := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")
		fmt.Fprintf(w, "%-12s %s\n", what, printable(line, 1000))
	}
	r.facts(say)
	r.costs(w, say, lengths)
	for _, warning := range r.Warnings {
		say("warning", "%s", warning)
	}
	for _, k := range slices.Sorted(maps.Keys(r.Metadata)) {
		say("metadata", "%s", printable(k+" = "+r.Metadata[k], 200))
	}
	for _, text := range append([]string{r.doc}, r.Notes()...) {
		if text != "" {
			fmt.Fprintf(w, "\n%s\n", printable(text, 4000))
		}
	}
	r.usage(w, path, lengths)
}

// facts prints what the file takes, gives, holds and needs.
func (r inspection) facts(say func(string, string, ...any)) {
	say("file", "%d bytes, IR %d, opset %s, by %s", r.Bytes, r.IR, opsets(r.Opsets), r.Producer)
	if r.Kind != "" {
		say("kind", "%s", r.Kind)
	}
	for _, p := range r.Inputs {
		say("feed", "%s", described(p))
	}
	for _, p := range r.Outputs {
		say("get", "%s", described(p))
	}
	say("parameters", "%d numbers, %d bytes", r.Parameters, r.Inspection.Bytes)
	say("types", "%s", strings.Join(r.Types, ", "))
	if r.Runtime != "" {
		say("onnxruntime", "from %s on, for %s", r.Runtime, r.Reason)
	} else {
		say("onnxruntime", "none: %s", r.Reason)
	}
}

// usage prints command lines and programs.
func (r inspection) usage(w io.Writer, path string, lengths map[string]int64) {
	how := ""
	switch line := r.Declaration(); {
	case r.Sampled():
		fmt.Fprintf(w, "\nCommand line:\n\n    fmtool sample %s -n 64 --steps 50 -o samples.csv\n", path)
		how = fmt.Sprintf(" (save as sample.py, or: fmtool inspect --python %s > sample.py; python3 sample.py %s 64 50)", path, path)
	case r.Kind == string(flow.TrainStepKind):
		how = fmt.Sprintf(" (save as fine_tune.py; python3 fine_tune.py %s STATE.safetensors DATA.npy TUNED.safetensors)", path)
	case line != "":
		fmt.Fprintf(w, "\nIf it is a velocity field of a flow from t = 0, noise, to 1, data (else see fmtool declare --help):\n\n    %s\n", printable(line, 1000))
	}
	program := func(language, program string, err error) {
		if err != nil {
			program = "no code: " + err.Error() + "\n"
		}
		fmt.Fprintf(w, "\n%s:\n\n%s", language, program)
	}
	golang, err := r.Go(lengths)
	program("Go", golang, err)
	python, err := r.Python(lengths)
	program("Python"+how, python, err)
}

// costs prints the table of operators.
func (r inspection) costs(w io.Writer, say func(string, string, ...any), lengths map[string]int64) {
	at := "every open length 1"
	for _, name := range slices.Sorted(maps.Keys(lengths)) {
		at += fmt.Sprintf(", %s %d", name, lengths[name])
	}
	say("flops", "%.10g at %s", r.Cost.Once, at)
	for _, l := range r.Cost.Loops {
		times := "as many as asked for"
		if l.Steps >= 0 {
			times = fmt.Sprint(l.Steps)
		}
		say("flops", "%.10g in a step of loop %s, steps: %s", l.Step, l.Name, times)
	}
	if len(r.Cost.Unknown) > 0 {
		say("flops", "without some of %s, whose shapes or cost are not known; --length gives open lengths", strings.Join(r.Cost.Unknown, ", "))
	}
	fmt.Fprintf(w, "\n%-32s %8s %14s %14s\n", "operator", "count", "flops", "in loops")
	for _, o := range r.Operators {
		fmt.Fprintf(w, "%-32s %8d %14.10g %14.10g\n", printable(o.Name, 60), o.Count, o.FLOPs, o.StepCost)
	}
	fmt.Fprintln(w)
}

func described(p export.Port) string {
	text := p.String()
	if p.Meaning != "" && p.Guess {
		text += ": a guess: " + p.Meaning
	} else if p.Meaning != "" {
		text += ": " + p.Meaning
	}
	return text
}

func opsets(versions map[string]int64) string {
	var list []string
	for _, d := range slices.Sorted(maps.Keys(versions)) {
		list = append(list, fmt.Sprintf("%s %d", d, versions[d]))
	}
	return strings.Join(list, ", ")
}

// printable is a text from a file, of at most n letters, without those that a terminal obeys.
func printable(text string, n int) string {
	clean := strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return -1
	}, text[:min(len(text), 8*n)])
	if r := []rune(clean); len(r) > n {
		return string(r[:n]) + "…"
	}
	return clean
}
