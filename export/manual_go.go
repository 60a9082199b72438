package export

import (
	"fmt"
	"go/format"
	"slices"
	"strconv"
	"strings"
)

// tensorTypes are the names in package tensor of the element types that it has.
var tensorTypes = map[string]string{
	"float16": "Float16", "float32": "Float32", "float64": "Float64", "int8": "Int8", "int16": "Int16", "int32": "Int32", "int64": "Int64",
	"uint8": "Uint8", "uint16": "Uint16", "uint32": "Uint32", "uint64": "Uint64", "bool": "Bool",
}

// Go is a program that runs the file once on onnxruntime; of a velocity field, one that samples it. A file that takes what package tensor does not have
// is an error.
func (m Manual) Go(lengths map[string]int64) (string, error) {
	text, err := m.sampleInGo(), error(nil)
	if !m.Sampled() {
		text, err = m.runInGo(lengths)
	}
	if err != nil {
		return "", err
	}
	code, err := format.Source([]byte(text))
	if err != nil {
		return "", fmt.Errorf("export: code for Go: %w", err)
	}
	return string(code), nil
}

func (m Manual) sampleInGo() string {
	return fmt.Sprintf(`package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/ort"
)

func main() {
	file, err := os.ReadFile(%q)
	if err != nil {
		log.Fatal(err)
	}
	e, err := ort.New("") // onnxruntime, found or installed; or native.Engine{}
	if err != nil {
		log.Fatal(err)
	}
	m, err := runtime.Open(e, file, engine.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	samples := tensor.New(tensor.Float32, 64, m.Spec().Dim())
	if _, err := (runtime.Sampler{Field: m, Steps: 50, Seed: 7}).Sample(context.Background(), samples, tensor.Tensor{}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(samples.Float32())
}
`, m.name)
}

// runInGo is a program that runs the file once.
func (m Manual) runInGo(lengths map[string]int64) (string, error) {
	x, err := m.example(lengths)
	if err != nil {
		return "", err
	}
	g := goCode{example: x}
	for _, l := range x.lengths {
		why := "a length that the file leaves open"
		if l.guess {
			why = "a length of an output, of which the file says nothing"
		}
		fmt.Fprintf(&g.body, "\tconst %s = %d // %s\n", l.name, l.value, why)
	}
	for _, p := range x.in {
		if err := g.input(p); err != nil {
			return "", err
		}
	}
	for i, p := range x.out {
		g.output(i, p)
	}
	body, show, random := g.body.String(), g.show.String(), ""
	if strings.Contains(body, "normal(") || strings.Contains(body, "signs(") {
		random = "\t\"math/rand/v2\"\n"
	}
	if !strings.Contains(show, "Println") {
		show += "\tfmt.Println(\"done\")\n"
	}
	return fmt.Sprintf(goProgram, random, m.name, body, strings.Join(g.in, ", "), strings.Join(g.out, ", "), show, helpers(body)), nil
}

// goCode is a program on its way.
type goCode struct {
	example
	body, show strings.Builder
	in, out    []string
}

func (g *goCode) input(p Port) error {
	code, err := g.tensor(p)
	if err != nil {
		return err
	}
	g.in = append(g.in, g.name[p.Name])
	fmt.Fprintf(&g.body, "\t%s := %s%s\n", g.name[p.Name], code, comment(" // ", p.remark()))
	return nil
}

// output makes room for output i. One without a counterpart in package tensor, or of a rank that the file does not tell, is left out.
func (g *goCode) output(i int, p Port) {
	kind, ok := tensorTypes[p.Type]
	if !ok || p.Dims == nil {
		g.out = append(g.out, "{}")
		fmt.Fprintf(&g.show, "\t// %s is left out: %s %q\n", strconv.QuoteToASCII(p.Name), p.Type, p.Dims)
		return
	}
	name := g.name[p.Name]
	if slices.Contains(g.in, name) || slices.Contains(g.out, name) { // an input that is an output
		name = fmt.Sprintf("%sOut%d", name, i)
	}
	g.out = append(g.out, name)
	dims := strings.Join(append([]string{"tensor." + kind}, g.shape(p)...), ", ")
	fmt.Fprintf(&g.body, "\t%s := tensor.New(%s)%s\n", name, dims, comment(" // ", p.remark()))
	if !strings.HasPrefix(p.Name, "next.") {
		fmt.Fprintf(&g.show, "\tfmt.Println(%s, %s)\n", strconv.QuoteToASCII(p.Name), name)
	}
}

const goProgram = `package main

import (
	"context"
	"fmt"
	"log"
%s	"os"

	"fmtool/models/tensor"
	"fmtool/runtime/engine"
	"fmtool/runtime/ort"
)

func main() {
	file, err := os.ReadFile(%q)
	if err != nil {
		log.Fatal(err)
	}
	e, err := ort.New("") // onnxruntime, found or installed; or native.Engine{}
	if err != nil {
		log.Fatal(err)
	}
	p, err := e.Open(file, engine.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
%s	if err := p.Run(context.Background(), []tensor.Tensor{%s}, []tensor.Tensor{%s}); err != nil {
		log.Fatal(err)
	}
%s}
%s`

// helpers are the functions that the body calls.
func helpers(body string) (text string) {
	for _, f := range [][2]string{{"normal", "rng.NormFloat64()"}, {"signs", "float64(2*rng.IntN(2) - 1)"}} {
		if strings.Contains(body, f[0]+"(") {
			text += fmt.Sprintf(`
// %s fills a tensor with random numbers.
func %s(t tensor.Tensor) tensor.Tensor {
	rng, numbers := rand.New(rand.NewPCG(0, 0)), tensor.New(tensor.Float64, t.Shape()...)
	for i := range numbers.Float64() {
		numbers.Float64()[i] = %s
	}
	return numbers.Convert(t.DType())
}
`, f[0], f[0], f[1])
		}
	}
	return text
}

// tensor is a tensor to feed.
func (x *example) tensor(p Port) (string, error) {
	kind, ok := tensorTypes[p.Type]
	if !ok {
		return "", fmt.Errorf("input %q has elements of type %s, which Go's tensors here do not have", p.Name, p.Type)
	}
	dims := x.shape(p)
	empty := fmt.Sprintf("tensor.New(%s)", strings.Join(append([]string{"tensor." + kind}, dims...), ", "))
	value := x.value(p)
	switch {
	case p.fill.how == "normal" && strings.HasPrefix(p.Type, "float"):
		return "normal(" + empty + ")", nil
	case p.fill.how == "signs":
		return "signs(" + empty + ")", nil
	case value == "0":
		return empty, nil
	case p.Type == "float16":
		return fmt.Sprintf("tensor.Full(%s).Convert(tensor.Float16)", strings.Join(append([]string{"float32(" + value + ")"}, dims...), ", ")), nil
	}
	return fmt.Sprintf("tensor.Full(%s)", strings.Join(append([]string{p.Type + "(" + value + ")"}, dims...), ", ")), nil
}
