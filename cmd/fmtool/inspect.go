package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fmtool/export"
	"fmtool/models/flow"
	"fmtool/models/onnx"
	"fmtool/runtime"
)

func inspectCommand() *cobra.Command {
	var asJSON, python bool
	trust := fileFlags{foreign: true}
	cmd := &cobra.Command{
		Use:   "inspect FILE.onnx",
		Short: "Tell what a file takes and gives, and print code that uses it",
		Long: `Tell what to feed into an ONNX file and what comes out, its operators and its size; works on anybody's file. For a velocity field also what the
numbers mean, and a Python program, ready to paste, that samples it with onnxruntime and numpy alone (--python prints only that).`,
		Example: "  fmtool inspect model.onnx\n  fmtool inspect model.onnx --python > sample.py",
		Args:    cobra.ExactArgs(1),
		RunE: trust.guard(func(cmd *cobra.Command, args []string) error {
			file, err := trust.read(args[0])
			if err != nil {
				return err
			}
			m, err := onnx.Unmarshal(file)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			if m.Main == nil {
				return fmt.Errorf("%s: no ONNX model: it holds no graph", args[0])
			}
			s := summarise(m, len(file))
			spec, _, err := runtime.Describe(file)
			w := cmd.OutOrStdout()
			switch {
			case asJSON:
				out := json.NewEncoder(w)
				out.SetIndent("", "  ")
				return out.Encode(s)
			case python && err != nil:
				return err
			case python:
				_, err := io.WriteString(w, export.PythonSample)
				return err
			}
			s.print(w)
			if err == nil {
				describe(w, spec, args[0])
			}
			return nil
		}),
	}
	trust.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	cmd.Flags().BoolVar(&python, "python", false, "print the Python program alone")
	return cmd
}

// summary is what any file says of itself.
type summary struct {
	Bytes      int               `json:"bytes"`
	IR         int64             `json:"ir_version"`
	Opsets     map[string]int64  `json:"opsets"`
	Producer   string            `json:"producer"`
	Inputs     []string          `json:"inputs"`
	Outputs    []string          `json:"outputs"`
	Operators  map[string]int    `json:"operators"`
	Parameters int               `json:"parameters"`
	Metadata   map[string]string `json:"metadata"`
	Warnings   []string          `json:"warnings"`
}

func summarise(m *onnx.Model, size int) summary {
	s := summary{Bytes: size, IR: m.IRVersion, Opsets: map[string]int64{}, Producer: strings.TrimSpace(m.ProducerName + " " + m.ProducerVersion),
		Operators: map[string]int{}, Metadata: m.Metadata(), Inputs: runtime.Signature(m.Main, true), Outputs: runtime.Signature(m.Main, false)}
	for _, o := range m.OpsetImport {
		domain := o.Domain
		if domain == "" {
			domain = "ai.onnx"
		}
		s.Opsets[domain] = o.Version
	}
	s.count(m.Main)
	for _, f := range m.Functions {
		s.countNodes(f.Node)
	}
	if err := m.Check(); err != nil {
		s.Warnings = append(s.Warnings, err.Error())
	}
	return s
}

func (s *summary) count(g *onnx.Graph) {
	for _, t := range g.Initializer {
		n := 1
		for _, d := range t.Dims {
			n *= int(d)
		}
		s.Parameters += n
	}
	s.countNodes(g.Node)
}

// countNodes counts operators, those of subgraphs included.
func (s *summary) countNodes(nodes []*onnx.Node) {
	for _, n := range nodes {
		name := n.OpType
		if n.Domain != "" {
			name = n.Domain + "." + name
		}
		s.Operators[name]++
		for _, a := range n.Attribute {
			if a.G != nil {
				s.count(a.G)
			}
			for _, g := range a.Graphs {
				s.count(g)
			}
		}
	}
}

func (s summary) print(w io.Writer) {
	say := func(what, value string) { fmt.Fprintf(w, "%-12s %s\n", what, value) }
	var opsets, ops []string
	for _, d := range slices.Sorted(maps.Keys(s.Opsets)) {
		opsets = append(opsets, fmt.Sprintf("%s %d", d, s.Opsets[d]))
	}
	for _, op := range slices.Sorted(maps.Keys(s.Operators)) {
		ops = append(ops, fmt.Sprintf("%s %d", op, s.Operators[op]))
	}
	say("file", fmt.Sprintf("%d bytes, IR %d, opset %s, by %s", s.Bytes, s.IR, strings.Join(opsets, ", "), s.Producer))
	for _, in := range s.Inputs {
		say("feed", in)
	}
	for _, out := range s.Outputs {
		say("get", out)
	}
	say("operators", strings.Join(ops, ", "))
	say("parameters", fmt.Sprint(s.Parameters))
	for _, warning := range s.Warnings {
		say("warning", warning)
	}
	for _, k := range slices.Sorted(maps.Keys(s.Metadata)) {
		v := s.Metadata[k]
		if r := []rune(v); len(r) > 160 {
			v = string(r[:160]) + "…"
		}
		say("metadata", k+" = "+v)
	}
}

// describe says what the numbers of a velocity field mean and how to sample it.
func describe(w io.Writer, spec flow.Spec, path string) {
	fmt.Fprintf(w, "\nA velocity field u(x, t) on samples of %v numbers in model space; t = 0 is noise, t = 1 is data; schedule %s.\n", spec.Dims, spec.Schedule.Name())
	if spec.TimeMin > 0 || spec.TimeMax < 1 {
		fmt.Fprintf(w, "It was trained at t from %.4g to %.4g; outside, the velocity at the nearer end is given.\n", spec.TimeMin, spec.TimeMax)
	}
	if !spec.Grid.Even() {
		fmt.Fprintf(w, "Its steps lie along %s, unless a sampler is told otherwise (fmtool sample --grid uniform).\n", spec.Grid)
	}
	switch c := spec.Condition; c.Kind {
	case flow.Labels:
		fmt.Fprintf(w, "y is the class of each row, 0 to %d, or %d for none.\n", c.Classes-1, c.Classes)
	case flow.Vector:
		fmt.Fprintf(w, "y holds %d numbers a row; y_drop is 1 where there is no condition, else 0.\n", c.Width)
	}
	fmt.Fprintf(w, "\nCommand line:\n\n    fmtool sample %s -n 64 --steps 50 -o samples.csv\n", path)
	fmt.Fprintf(w, "\nGo:\n\n%s", goExample(path))
	fmt.Fprintf(w, "\nPython (save as sample.py, or: fmtool inspect --python %s > sample.py; python3 sample.py %s 64 50):\n\n%s", path, path, export.PythonSample)
}

func goExample(path string) string {
	return fmt.Sprintf(`    file, err := os.ReadFile(%q)
    e, err := ort.New("")                                   // or native.Engine{}
    m, err := runtime.Open(e, file, engine.Options{})
    samples := tensor.New(tensor.Float32, 64, m.Spec().Dim())
    _, err = runtime.Sampler{Field: m, Steps: 50}.Sample(ctx, samples, tensor.Tensor{})
`, path)
}
