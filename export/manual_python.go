package export

import (
	"fmt"
	"strconv"
	"strings"

	"fmtool/models/flow"
)

// numpyTypes are numpy's names of the element types that it has.
var numpyTypes = map[string]string{
	"float16": "np.float16", "float32": "np.float32", "float64": "np.float64", "int8": "np.int8", "int16": "np.int16", "int32": "np.int32", "int64": "np.int64",
	"uint8": "np.uint8", "uint16": "np.uint16", "uint32": "np.uint32", "uint64": "np.uint64", "bool": "np.bool_", "complex64": "np.complex64",
	"complex128": "np.complex128", "string": "object",
}

// Python is a program that runs the file once with onnxruntime and numpy alone; of a velocity field, one that samples it, and of a training step, one that
// takes many. lengths are those of dimensions that the file leaves open. A file that takes what numpy does not have is an error.
func (m Manual) Python(lengths map[string]int64) (string, error) {
	switch {
	case m.Sampled():
		return PythonSample, nil
	case m.Kind == string(flow.TrainStepKind):
		return PythonFineTune, nil
	}
	x, err := m.example(lengths)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, pythonHead, strconv.QuoteToASCII(m.name))
	var feeds strings.Builder
	for _, p := range x.in {
		fmt.Fprintf(&feeds, "    %s: %s,%s\n", strconv.QuoteToASCII(p.Name), x.numpy(p), comment("  # ", p.remark()))
	}
	for _, l := range x.lengths {
		if !l.guess || x.counted(l) {
			fmt.Fprintf(&b, "%s = %d  # a length that the file leaves open\n", l.name, l.value)
		}
	}
	fmt.Fprintf(&b, "feeds = {\n%s}\n", &feeds)
	b.WriteString("results = dict(zip([o.name for o in session.get_outputs()], session.run(None, feeds)))\n")
	b.WriteString("for name, value in results.items():\n    print(name, getattr(value, \"dtype\", type(value)), getattr(value, \"shape\", \"\"))\n")
	for _, p := range x.out {
		if r := p.remark(); r != "" && !strings.HasPrefix(p.Name, "next.") {
			fmt.Fprintf(&b, "# results[%s]: %s\n", strconv.QuoteToASCII(p.Name), r)
		}
	}
	return b.String(), nil
}

const pythonHead = `import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # onnxruntime 1.29 and later report usage unless told not to
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(%s, providers=["CPUExecutionProvider"])
rng = np.random.default_rng(0)
`

// comment is a text behind code, nothing if there is none.
func comment(mark, text string) string {
	if text == "" {
		return ""
	}
	return mark + text
}

// numpy is an array to feed.
func (x *example) numpy(p Port) string {
	dims := strings.Join(x.shape(p), ", ")
	if len(p.lengths) == 1 {
		dims += ","
	}
	kind := numpyTypes[p.Type]
	switch {
	case p.Type == "string":
		return fmt.Sprintf("np.full((%s), \"text\", object)", dims)
	case p.fill.how == "normal" && strings.HasPrefix(p.Type, "float"):
		return fmt.Sprintf("np.asarray(rng.standard_normal((%s)), %s)", dims, kind)
	case p.fill.how == "signs":
		return fmt.Sprintf("np.asarray(rng.choice([-1, 1], (%s)), %s)", dims, kind)
	}
	return fmt.Sprintf("np.full((%s), %s, %s)", dims, x.value(p), kind)
}
