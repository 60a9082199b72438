package export

import (
	"fmt"
	"go/format"
	"strconv"
	"strings"
)

// tensorTypes are the names in package tensor of the element types that it has.
var tensorTypes = map[string]string{
	"float16": "Float16", "float32": "Float32", "float64": "Float64", "int8": "Int8", "int16": "Int16", "int32": "Int32", "int64": "Int64",
	"uint8": "Uint8", "uint16": "Uint16", "uint32": "Uint32", "uint64": "Uint64", "bool": "Bool",
}

// Go is a program that runs the file once on onnxruntime; of a velocity field, one that samples it. A file that takes what package tensor does not have is an
// error.
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

func (m Manual) runInGo(lengths map[string]int64) (string, error) {
	x, err := m.example(lengths)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, l := range x.lengths {
		why := "a length that the file leaves open"
		if l.guess {
			why = "a length of an output, of which the file says nothing"
		}
		fmt.Fprintf(&b, "\tconst %s = %d // %s\n", l.name, l.value, why)
	}
	var in, out []string
	for _, p := range x.in {
		code, err := x.tensor(p)
		if err != nil {
			return "", err
		}
		in = append(in, x.name[p.Name])
		fmt.Fprintf(&b, "\t%s := %s%s\n", x.name[p.Name], code, comment(" // ", p.remark()))
	}
	var show strings.Builder
	used := map[string]bool{}
	for _, name := range in {
		used[name] = true
	}
	for i, p := range x.out {
		kind, ok := tensorTypes[p.Type]
		if !ok || p.Dims == nil { // the engine leaves out what is not wanted
			out = append(out, "{}")
			fmt.Fprintf(&show, "\t// %s is left out: %s %v\n", strconv.QuoteToASCII(p.Name), p.Type, p.Dims)
			continue
		}
		name := x.name[p.Name]
		if used[name] { // an input that is an output
			name = fmt.Sprintf("%sOut%d", name, i)
		}
		used[name] = true
		out = append(out, name)
		fmt.Fprintf(&b, "\t%s := tensor.New(%s)%s\n", name, strings.Join(append([]string{"tensor." + kind}, x.shape(p)...), ", "), comment(" // ", p.remark()))
		if !strings.HasPrefix(p.Name, "next.") {
			fmt.Fprintf(&show, "\tfmt.Println(%s, %s)\n", strconv.QuoteToASCII(p.Name), name)
		}
	}
	if show.Len() == 0 || !strings.Contains(show.String(), "Println") {
		show.WriteString("\tfmt.Println(\"done\")\n")
	}
	body := b.String()
	random := ""
	if strings.Contains(body, "normal(") || strings.Contains(body, "signs(") {
		random = "\t\"math/rand/v2\"\n"
	}
	return fmt.Sprintf(goProgram, random, m.name, body, strings.Join(in, ", "), strings.Join(out, ", "), show.String(), helpers(body)), nil
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
		return "", fmt.Errorf("input %s has elements of type %s, which Go's tensors here do not have", p.Name, p.Type)
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
